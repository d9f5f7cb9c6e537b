-- A run that ends in order leaves no page behind. Nothing is returned.
DELETE FROM sync.unwritten_pages WHERE dataset = %(dataset)s
