<?php
// One request of a WHMCS that knows nothing but hooks: argument 1 is JSON
// {"fire": [[hook, vars], ...], "twice": bool, "tables": {table: {id: {column: value}}}, "log": path}. It prints "page" and nothing else.

namespace WHMCS\Database {
    final class Capsule
    {
        public static $tables = [];
        private $rows;
        private $row = [];

        public static function table($name)
        {
            if (!isset(self::$tables[$name])) {
                throw new \RuntimeException('no such table');
            }
            $query = new self();
            $query->rows = self::$tables[$name];
            return $query;
        }

        public function where($column, $value)
        {
            $this->row = $column === 'id' ? ($this->rows[$value] ?? []) : [];
            return $this;
        }

        public function value($column)
        {
            return $this->row[$column] ?? null;
        }
    }
}

namespace {
    error_reporting(E_ALL);
    ini_set('display_errors', '1');
    define('WHMCS', true);

    $scenario = json_decode($argv[1] ?? $_POST['scenario'], true);
    $callbacks = [];
    \WHMCS\Database\Capsule::$tables = $scenario['tables'] ?? [];

    function add_hook($name, $priority, $callback)
    {
        global $callbacks;
        $callbacks[$name][] = $callback;
    }

    function logActivity($description)
    {
        global $scenario;
        file_put_contents($scenario['log'], $description . "\n", FILE_APPEND);
    }

    $hook_file = dirname(__DIR__, 2) . '/deploy/whmcs/hooks/portal_hub.php';
    include $hook_file;
    if ($scenario['twice'] ?? false) {
        include $hook_file;
    }
    foreach ($scenario['fire'] as [$hook, $vars]) {
        foreach ($callbacks[$hook] ?? [] as $callback) {
            if ($callback($vars) !== null) {
                echo 'a hook answered';
            }
        }
    }
    if ($scenario['names'] ?? false) {
        echo json_encode(array_keys($callbacks));
    }
    echo 'page';
}
