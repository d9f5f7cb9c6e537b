-- Systems that nobody calls just now: the circuit is open, or they asked for patience.
SELECT system FROM sync.sources WHERE retry_at > clock_timestamp()
