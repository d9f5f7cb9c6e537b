-- The system asks for patience: nobody calls before that; nothing is returned.
INSERT INTO sync.sources AS s (system, retry_at, reason)
VALUES (%(system)s, clock_timestamp() + make_interval(secs => %(seconds)s), %(reason)s)
ON CONFLICT (system) DO UPDATE
   SET retry_at = greatest(s.retry_at, excluded.retry_at), reason = excluded.reason
