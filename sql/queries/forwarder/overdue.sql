-- Commands that somebody should have taken by now: how many, the newest and when the oldest was due.
SELECT count(*), max(c.seq), extract(epoch FROM min(c.due_at))::bigint
  FROM command.commands c
 WHERE c.status IN ('accepted', 'running', 'waiting')
   AND c.due_at < clock_timestamp() - %(seconds)s * interval '1 second'
   AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp() - %(seconds)s * interval '1 second')
   AND NOT EXISTS (SELECT 1 FROM command.commands earlier
                    WHERE earlier.lane = c.lane AND earlier.seq < c.seq
                      AND earlier.status IN ('accepted', 'running', 'waiting', 'dead'))
