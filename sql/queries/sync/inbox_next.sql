-- Seconds until something of a system's will be due (negative: it is); null: nothing waits.
SELECT extract(epoch FROM min(due_at) - clock_timestamp())
  FROM sync.inbox
 WHERE state = 'waiting'
   AND CASE WHEN source <> 'hub' THEN source WHEN entity = 'line' THEN 'freebit' ELSE split_part(entity, '.', 1) END
       = %(system)s
