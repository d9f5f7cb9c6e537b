-- Keep the page that is being written now, in place of the data set's page before it. Nothing is returned.
INSERT INTO sync.unwritten_pages (dataset, begins, page) VALUES (%(dataset)s, %(begins)s, %(page)b)
ON CONFLICT (dataset) DO UPDATE SET begins = excluded.begins, page = excluded.page, kept_at = now()
