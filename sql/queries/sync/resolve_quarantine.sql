-- These rows could be represented this time; nothing is returned.
UPDATE sync.quarantine SET resolved_at = now()
 WHERE dataset = %(dataset)s AND source_id = ANY(%(source_ids)s) AND resolved_at IS NULL
