-- Remember where the reader stands, in the transaction that wrote what it read; nothing is returned.
INSERT INTO sync.cursors (dataset, position) VALUES (%(dataset)s, %(position)s)
ON CONFLICT (dataset) DO UPDATE SET position = excluded.position, updated_at = now()
