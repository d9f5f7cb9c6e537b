-- Keep the data set's freshness target as its declaration has it; nothing is returned.
INSERT INTO sync.freshness (dataset, system, target_seconds)
VALUES (%(dataset)s, %(system)s, %(target_seconds)s)
ON CONFLICT (dataset) DO UPDATE SET target_seconds = excluded.target_seconds
 WHERE sync.freshness.target_seconds <> excluded.target_seconds
