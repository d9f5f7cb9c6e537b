<?php
// One request of a WHMCS that knows nothing but hooks: argument 1 is JSON
// {"fire": [[hook, vars], ...], "twice": bool, "upgrades": {id: service}, "log": path}. It prints "page" and nothing else.

namespace WHMCS\Database {
    final class Capsule
    {
        public static $upgrades = [];
        private $id = 0;

        public static function table($name)
        {
            if ($name !== 'tblupgrades') {
                throw new \RuntimeException('no such table');
            }
            return new self();
        }

        public function where($column, $value)
        {
            $this->id = $column === 'id' ? $value : 0;
            return $this;
        }

        public function value($column)
        {
            return $column === 'relid' ? (self::$upgrades[$this->id] ?? null) : null;
        }
    }
}

namespace {
    error_reporting(E_ALL);
    ini_set('display_errors', '1');
    define('WHMCS', true);

    $scenario = json_decode($argv[1] ?? $_POST['scenario'], true);
    $callbacks = [];
    \WHMCS\Database\Capsule::$upgrades = $scenario['upgrades'] ?? [];

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
