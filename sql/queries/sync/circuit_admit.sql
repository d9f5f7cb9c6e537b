-- May this system be called now? One row: whether, why not, and whether it failed lately. When the pause of an open
-- circuit is over, one caller tries and the others wait for how it goes.
WITH tried AS (
    UPDATE sync.sources SET retry_at = clock_timestamp() + make_interval(secs => %(pause)s)
     WHERE system = %(system)s AND circuit = 'open' AND retry_at <= clock_timestamp()
    RETURNING system
)
SELECT coalesce(s.retry_at <= clock_timestamp(), true) OR EXISTS (SELECT 1 FROM tried), s.reason,
       s.failures > 0
  FROM sync.sources s
 WHERE s.system = %(system)s
