-- Seconds until something may be claimed; null: nothing is open. What others work on counts when their lease ends.
SELECT extract(epoch FROM min(greatest(c.due_at, c.lease_until)) - clock_timestamp())::float
  FROM command.commands c
 WHERE c.status IN ('accepted', 'running', 'waiting')
   AND NOT EXISTS (SELECT 1 FROM command.commands earlier
                    WHERE earlier.lane = c.lane AND earlier.seq < c.seq
                      AND earlier.status IN ('accepted', 'running', 'waiting', 'dead'))
