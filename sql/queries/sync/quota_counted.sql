-- How much of its quota the system says is used; nothing is returned.
INSERT INTO sync.sources AS s (system, quota_used, quota_limit, quota_at)
VALUES (%(system)s, %(used)s, %(limit)s, clock_timestamp())
ON CONFLICT (system) DO UPDATE
   SET quota_used = excluded.quota_used, quota_limit = excluded.quota_limit, quota_at = excluded.quota_at
