-- Rows that could not be represented, newest first: id, data set, source id, reason, mapper version, first and last
-- seen, times seen, and the row as it was sent.
SELECT id, dataset, source_id, reason, mapper_version, first_seen_at, last_seen_at, times_seen, payload
  FROM sync.quarantine
 WHERE resolved_at IS NULL
   AND (%(dataset)s::text IS NULL OR dataset = %(dataset)s)
   AND (%(id)s::bigint IS NULL OR id = %(id)s)
 ORDER BY last_seen_at DESC, id
