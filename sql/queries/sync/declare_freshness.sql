-- Give a new data set its freshness target; from then on the target is the operator's. Nothing is returned.
INSERT INTO sync.freshness (dataset, system, target_seconds)
VALUES (%(dataset)s, %(system)s, %(target_seconds)s)
ON CONFLICT (dataset) DO NOTHING
