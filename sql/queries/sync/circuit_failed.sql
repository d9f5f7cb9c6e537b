-- A call failed. After `most` different ones in a row the circuit opens for `pause` seconds, twice as long each time,
-- `longest` at most, and never for less than the patience that was asked for; the same call again (`about`) only counts
-- while it is open. One row: the circuit, and how many count.
INSERT INTO sync.sources AS s (system, failures, failing, reason)
VALUES (%(system)s, 1, ARRAY[%(about)s], %(reason)s)
ON CONFLICT (system) DO UPDATE
   SET (failures, failing, reason, circuit, opened_at, retry_at) = (
       SELECT counted, CASE WHEN known THEN s.failing ELSE (ARRAY[%(about)s] || s.failing)[:%(most)s] END, %(reason)s,
              CASE WHEN counted >= %(most)s THEN 'open' ELSE s.circuit END,
              CASE WHEN counted >= %(most)s THEN coalesce(s.opened_at, clock_timestamp()) END,
              CASE WHEN counted >= %(most)s
                   THEN greatest(s.retry_at, clock_timestamp() + make_interval(
                       secs => least(%(pause)s * power(2, least(counted - %(most)s, 10)), %(longest)s)))
                   ELSE s.retry_at END
         FROM (SELECT known, s.failures + CASE WHEN known AND s.circuit <> 'open' THEN 0 ELSE 1 END AS counted
                 FROM (SELECT %(about)s = ANY(s.failing) AS known) met) failed)
RETURNING circuit, failures
