<?php
/**
 * Tells the data-sync hub which records of this WHMCS changed, so that the portal shows it within a second.
 *
 * Drop it into includes/hooks. It does nothing until PORTAL_HUB_URL and PORTAL_HUB_SECRET are set; README.md next to
 * this folder says how. It sends ids only: no name, no address, no amount, no password. It never prints, never throws,
 * and takes a visitor at most a second, at the end of the request, when the hub does not answer.
 *
 * PHP 7.4 to 8.3.
 */

declare(strict_types=1);

if (!defined('WHMCS') || !function_exists('add_hook')) {
    return;
}

if (!class_exists('PortalHub', false)) {
    final class PortalHub
    {
        /** Seconds that one step of talking to the hub may take, and all of them in a web request. */
        private const PATIENCE = 1.0;

        /** Seconds for all notifications of a command-line run: cron tells of thousands, and nobody waits for it. */
        private const PATIENCE_OF_CRON = 30.0;

        /** More notifications than this are not kept: memory matters more, and the hub reads everything again by itself. */
        private const MOST_NOTIFICATIONS = 5000;

        /**
         * Hook => what it concerns: [entity, where the record's id is, where its client's id is].
         * `a|b`: the first that is there (WHMCS spells them differently by hook and version), `a.b`: b within a.
         */
        private const HOOKS = [
            'InvoiceCreation' => [['invoice', 'invoiceid', '']],
            'InvoiceCreated' => [['invoice', 'invoiceid', '']],
            'InvoicePaid' => [['invoice', 'invoiceid', '']],
            'InvoiceUnpaid' => [['invoice', 'invoiceid', '']],
            'InvoiceCancelled' => [['invoice', 'invoiceid', '']],
            'InvoiceRefunded' => [['invoice', 'invoiceid', '']],
            'InvoiceChangeGateway' => [['invoice', 'invoiceid', '']],
            'UpdateInvoiceTotal' => [['invoice', 'invoiceid', '']],
            'AddInvoiceLateFee' => [['invoice', 'invoiceid', '']],
            'InvoiceSplit' => [['invoice', 'originalinvoiceid', ''], ['invoice', 'newinvoiceid', '']],
            'AddInvoicePayment' => [['invoice', 'invoiceid', '']],
            // Payments and refunds alike. The misspelling is WHMCS's own. ManualRefund names no invoice, but the
            // refund's transaction does.
            'AddTransaction' => [['invoice', 'invocieid|invoiceid', 'userid']],

            'ClientAdd' => [['client', 'client_id|userid', 'client_id|userid']],
            'ClientEdit' => [['client', 'userid', 'userid']],
            'ClientClose' => [['client', 'userid', 'userid']],
            'PreDeleteClient' => [['client', 'userid', 'userid']],
            'AfterClientMerge' => [['client', 'toUserID', 'toUserID'], ['client', 'fromUserID', 'fromUserID']],
            // Names the client whose pay methods changed, not the pay method: the client's id stands for both.
            'CCUpdate' => [['pay_method', 'userid', 'userid']],

            'AfterModuleCreate' => [['service', 'params.serviceid', 'params.userid']],
            'AfterModuleSuspend' => [['service', 'params.serviceid', 'params.userid']],
            'AfterModuleUnsuspend' => [['service', 'params.serviceid', 'params.userid']],
            'AfterModuleTerminate' => [['service', 'params.serviceid', 'params.userid']],
            'AfterModuleChangePackage' => [['service', 'params.serviceid', 'params.userid']],
            'ServiceEdit' => [['service', 'serviceid', 'userid']],
            'ServiceDelete' => [['service', 'serviceid', 'clientId|userid']],
            'ServiceRecurringCompleted' => [['service', 'serviceid', '']],
            'CancellationRequest' => [['service', 'relid', 'userid']],
            'AfterProductUpgrade' => [['service', 'upgradedService', '']],
            'AfterConfigOptionsUpgrade' => [['service', 'upgradedService', '']],

            'AfterShoppingCartCheckout' => [
                ['order', 'OrderID', 'orderedBy'],
                ['service', 'ServiceIDs', 'orderedBy'],
                ['invoice', 'InvoiceID', 'orderedBy'],
            ],
            'OrderPaid' => [['order', 'orderId', 'userId'], ['invoice', 'invoiceId', 'userId']],
            'AcceptOrder' => [['order', 'orderid', 'orderedBy']],
            'PendingOrder' => [['order', 'orderid', 'orderedBy']],
            'CancelOrder' => [['order', 'orderid', 'orderedBy']],
            'CancelAndRefundOrder' => [['order', 'orderid', 'orderedBy']],
            'FraudOrder' => [['order', 'orderid', 'orderedBy']],
            'DeleteOrder' => [['order', 'orderid', 'orderedBy']],
        ];

        /**
         * What hooks leave out and WHMCS's tables know: where the id is => [table, column, its name in HOOKS].
         * The tables are not documented; where they are not as here, the notification lacks that id, or is not sent without it.
         */
        private const LOOKED_UP = [
            'upgradeid' => ['tblupgrades', 'relid', 'upgradedService'],
            'orderid|OrderID' => ['tblorders', 'userid', 'orderedBy'],
        ];

        /** @var array<string, array<string, string|int|null>> what to tell, by entity and id: the last hook of each */
        private static $notifications = [];

        /** @var bool whether the end of the request is taken care of */
        private static $awaited = false;

        /** @var bool whether WHMCS knows of us */
        private static $registered = false;

        public static function register(): void
        {
            $isSetUp = self::setting('PORTAL_HUB_URL') !== '' && self::setting('PORTAL_HUB_SECRET') !== '';
            if (self::$registered || !$isSetUp) {
                return;
            }
            self::$registered = true;
            foreach (array_keys(self::HOOKS) as $hook) {
                add_hook($hook, 90, static function ($vars) use ($hook): void {
                    self::note($hook, $vars);
                });
            }
        }

        /** Send what was collected, after everything else of the request, and say it once where it failed. */
        public static function send(): void
        {
            $notifications = array_values(self::$notifications);
            self::$notifications = [];
            self::$awaited = false;
            // WHMCS's own handler would show warnings to visitors or break the JSON of its API.
            set_error_handler(static function (): bool {
                return true;
            });
            try {
                self::letTheVisitorGo();
                $failure = self::deliver($notifications);
                if ($failure !== '' && function_exists('logActivity')) {
                    logActivity('Portal hub: ' . $failure);
                }
            } catch (\Throwable $error) {
                // The hub finds by itself what it was not notified of.
            } finally {
                restore_error_handler();
            }
        }

        /** @param mixed $vars */
        private static function note(string $hook, $vars): void
        {
            try {
                $vars = self::completed(is_array($vars) ? $vars : []);
                foreach (self::HOOKS[$hook] as [$entity, $idPath, $clientPath]) {
                    $client = self::ids($vars, $clientPath)[0] ?? null;
                    foreach (self::ids($vars, $idPath) as $id) {
                        self::keep($hook, $entity, $id, $client);
                    }
                }
            } catch (\Throwable $error) {
                // WHMCS's own work goes on whatever happens here.
            }
        }

        private static function keep(string $hook, string $entity, string $id, ?string $client): void
        {
            $key = $entity . ' ' . $id;
            if (count(self::$notifications) >= self::MOST_NOTIFICATIONS && !isset(self::$notifications[$key])) {
                return;
            }
            self::$notifications[$key] = [
                'id' => bin2hex(random_bytes(16)),
                'event' => $hook,
                'entity' => $entity,
                'entityId' => $id,
                'clientId' => $client ?? self::$notifications[$key]['clientId'] ?? null,
                'occurredAt' => time(),
            ];
            if (!self::$awaited) {
                self::$awaited = true;
                // Several hooks run before their change is committed; what is registered at the end runs last of all.
                register_shutdown_function(static function (): void {
                    register_shutdown_function([self::class, 'send']);
                });
            }
        }

        /**
         * The ids that a path of HOOKS leads to; WHMCS writes 0 where there is none.
         *
         * @param array<mixed> $vars
         * @return string[]
         */
        private static function ids(array $vars, string $paths): array
        {
            foreach (explode('|', $paths) as $path) {
                $found = $vars;
                foreach (explode('.', $path) as $name) {
                    $found = is_array($found) ? ($found[$name] ?? null) : null;
                }
                $ids = array_filter(is_array($found) ? $found : [$found], static function ($id): bool {
                    return (is_int($id) || is_string($id)) && preg_match('/^[1-9][0-9]{0,17}$/D', (string) $id) === 1;
                });
                if ($ids !== []) {
                    return array_values(array_map('strval', $ids));
                }
            }
            return [];
        }

        /**
         * @param array<mixed> $vars
         * @return array<mixed> with what is looked up
         */
        private static function completed(array $vars): array
        {
            foreach (self::LOOKED_UP as $path => [$table, $column, $name]) {
                $id = self::ids($vars, $path)[0] ?? null;
                try {
                    if ($id !== null && class_exists('WHMCS\Database\Capsule')) {
                        $vars[$name] = \WHMCS\Database\Capsule::table($table)->where('id', $id)->value($column);
                    }
                } catch (\Throwable $error) {
                    // The notification goes without it.
                }
            }
            return $vars;
        }

        /** End the response, where the server allows that, and the session, whose lock would hold the next request. */
        private static function letTheVisitorGo(): void
        {
            if (session_status() === PHP_SESSION_ACTIVE) {
                session_write_close();
            }
            foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $finish) {
                if (function_exists($finish)) {
                    $finish();
                    return;
                }
            }
        }

        /**
         * Post the notifications, one after another over one connection while the hub keeps it; none is tried twice.
         *
         * @param array<int, array<string, string|int|null>> $notifications
         * @return string why some were not delivered; empty when all were
         */
        private static function deliver(array $notifications): string
        {
            $url = parse_url(self::setting('PORTAL_HUB_URL'));
            if (!isset($url['scheme'], $url['host']) || !in_array($url['scheme'], ['http', 'https'], true)) {
                return 'PORTAL_HUB_URL is not an http or https address';
            }
            $deadline = microtime(true) + (PHP_SAPI === 'cli' ? self::PATIENCE_OF_CRON : self::PATIENCE);
            $connection = null;
            foreach ($notifications as $number => $notification) {
                $left = (count($notifications) - $number) . ' of ' . count($notifications) . ' notifications were not delivered: ';
                $connection = $connection ?? self::connected($url, $deadline);
                if ($connection === null) {
                    return $left . 'no connection';
                }
                [$status, $goesOn] = self::posted($connection, $url, (string) json_encode($notification), $deadline);
                if ($status !== 202) {
                    return $left . ($status === 0 ? 'no answer' : 'answer ' . $status);
                }
                $connection = $goesOn ? $connection : null;
            }
            return '';
        }

        /**
         * @param array<string, mixed> $url
         * @return resource|null
         */
        private static function connected(array $url, float $deadline)
        {
            $secure = $url['scheme'] === 'https';
            $address = sprintf(
                '%s://%s:%d',
                $secure ? 'tls' : 'tcp',
                $url['host'],
                $url['port'] ?? ($secure ? 443 : 80)
            );
            $context = stream_context_create(['ssl' => ['peer_name' => trim($url['host'], '[]')]]);
            $left = self::secondsLeft($deadline);
            $connection = $left > 0
                ? stream_socket_client($address, $code, $reason, $left, STREAM_CLIENT_CONNECT, $context)
                : false;
            return $connection === false ? null : $connection;
        }

        /**
         * @param resource $connection
         * @param array<string, mixed> $url
         * @return array{int, bool} status of the answer, 0 for none, and whether the connection can be used again
         */
        private static function posted($connection, array $url, string $body, float $deadline): array
        {
            $timestamp = (string) time();
            $signature = hash_hmac('sha256', $timestamp . '.' . $body, self::setting('PORTAL_HUB_SECRET'));
            $request = implode("\r\n", [
                'POST ' . ($url['path'] ?? '/') . (isset($url['query']) ? '?' . $url['query'] : '') . ' HTTP/1.1',
                'Host: ' . $url['host'] . (isset($url['port']) ? ':' . $url['port'] : ''),
                'Content-Type: application/json',
                'Content-Length: ' . strlen($body),
                'X-Hub-Timestamp: ' . $timestamp,
                'X-Hub-Signature: v1=' . $signature,
                'Connection: keep-alive',
                '',
                $body,
            ]);
            $head = self::wrote($connection, $request, $deadline) ? self::head($connection, $deadline) : [];
            if ($head === [] || preg_match('~^HTTP/1\.[01] ([1-5][0-9]{2})~', $head[0], $status) !== 1) {
                return [0, false];
            }
            return [(int) $status[1], self::finished($connection, $head, $deadline)];
        }

        /** @param resource $connection */
        private static function wrote($connection, string $text, float $deadline): bool
        {
            while ($text !== '') {
                $written = self::isInTime($connection, $deadline) ? fwrite($connection, $text) : false;
                if ($written === false || $written === 0) {
                    return false;
                }
                $text = substr($text, $written);
            }
            return true;
        }

        /**
         * @param resource $connection
         * @return string[] status line and headers; empty when they did not come in time
         */
        private static function head($connection, float $deadline): array
        {
            $lines = [];
            while (count($lines) < 100 && self::isInTime($connection, $deadline)) {
                $line = fgets($connection, 8192);
                if ($line === false) {
                    return [];
                }
                if (rtrim($line) === '') {
                    return $lines;
                }
                $lines[] = rtrim($line);
            }
            return [];
        }

        /**
         * Whether the answer was read to its end and the hub keeps the connection.
         *
         * @param resource $connection
         * @param string[] $head
         */
        private static function finished($connection, array $head, float $deadline): bool
        {
            $headers = strtolower(implode("\n", $head)) . "\n";
            $says = preg_match('/\ncontent-length: *([0-9]{1,5})\n/', $headers, $length) === 1;
            if (!$says || strpos($headers, "\nconnection: close\n") !== false) {
                return false;
            }
            $left = (int) $length[1];
            while ($left > 0 && self::isInTime($connection, $deadline)) {
                $read = strlen((string) fread($connection, $left));
                if ($read === 0) {
                    return false;
                }
                $left -= $read;
            }
            return $left === 0;
        }

        /** @param resource $connection */
        private static function isInTime($connection, float $deadline): bool
        {
            $left = self::secondsLeft($deadline);
            return $left > 0 && stream_set_timeout($connection, (int) $left, (int) (($left - (int) $left) * 1000000));
        }

        private static function secondsLeft(float $deadline): float
        {
            return min(self::PATIENCE, $deadline - microtime(true));
        }

        /** A constant (configuration.php may define it), or a variable of the environment. */
        private static function setting(string $name): string
        {
            return trim((string) (defined($name) ? constant($name) : getenv($name)));
        }
    }
}

PortalHub::register();
