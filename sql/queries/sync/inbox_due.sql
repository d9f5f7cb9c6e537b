-- What waits to be applied to a system's data sets and is due, oldest first.
SELECT id, source, kind, entity, record_id, parent_id, payload, attempts
  FROM sync.inbox
 WHERE state = 'waiting' AND due_at <= clock_timestamp()
   AND CASE WHEN source <> 'hub' THEN source WHEN entity = 'line' THEN 'freebit' ELSE split_part(entity, '.', 1) END
       = %(system)s
 ORDER BY due_at, id
 LIMIT %(at_most)s
