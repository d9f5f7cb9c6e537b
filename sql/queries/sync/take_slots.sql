-- Promise a caller the next slots for calls to a system, in the order of asking. One row: seconds until these slots.
-- `apart` seconds lie between two slots in the long run, up to `at_once` of them may come together (decision 0013).
INSERT INTO sync.sources AS s (system, promised_until)
VALUES (%(system)s, clock_timestamp() + make_interval(secs => %(slots)s * %(apart)s))
ON CONFLICT (system) DO UPDATE
   SET promised_until = greatest(s.promised_until, clock_timestamp()) + make_interval(secs => %(slots)s * %(apart)s)
RETURNING greatest(0, extract(epoch FROM promised_until - clock_timestamp()) - %(at_once)s * %(apart)s)::float8
