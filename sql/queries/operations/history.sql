-- What happened to a record of a table, oldest first: the hub's id, or the id in its system.
SELECT c.changed_at, c.operation, c.before, c.after, r.mode, r.dataset
  FROM sync.changes c LEFT JOIN sync.runs r ON r.id = c.run_id
 WHERE c.entity = %(entity)s AND c.entity_id = %(id)s
 ORDER BY c.changed_at, c.seq
