-- A source does not answer: these wait for `wait` without it counting against them, and what failed alone while it was
-- in trouble failed with it, and may be read together again. Nothing is returned.
UPDATE sync.inbox
   SET attempts = 0, error = %(error)s,
       due_at = CASE WHEN id = ANY(%(ids)s) THEN clock_timestamp() + %(wait)s ELSE due_at END
 WHERE state = 'waiting' AND received_at <= %(claimed_at)s
   AND (id = ANY(%(ids)s)
        OR attempts > 0
           AND CASE WHEN source <> 'hub' THEN source WHEN entity = 'line' THEN 'freebit'
                    ELSE split_part(entity, '.', 1) END = %(system)s)
