-- The source ids of a data set's rows in quarantine, one per row.
SELECT source_id FROM sync.quarantine WHERE dataset = %(dataset)s AND resolved_at IS NULL
