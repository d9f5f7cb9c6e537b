-- A call failed. After `most` in a row the circuit opens for `pause` seconds, twice as long each time, `longest` at most.
-- One row: the circuit, and failures in a row.
INSERT INTO sync.sources AS s (system, failures, reason) VALUES (%(system)s, 1, %(reason)s)
ON CONFLICT (system) DO UPDATE
   SET failures = s.failures + 1, reason = excluded.reason,
       circuit = CASE WHEN s.failures + 1 >= %(most)s THEN 'open' ELSE s.circuit END,
       opened_at = CASE WHEN s.failures + 1 >= %(most)s THEN coalesce(s.opened_at, clock_timestamp()) END,
       retry_at = CASE WHEN s.failures + 1 >= %(most)s
                       THEN clock_timestamp() + make_interval(
                           secs => least(%(pause)s * power(2, least(s.failures + 1 - %(most)s, 10)), %(longest)s))
                       ELSE s.retry_at END
RETURNING circuit, failures
