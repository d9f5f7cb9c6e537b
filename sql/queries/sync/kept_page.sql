-- The page that a killed run left: (where a reader stands who has not read it, the page as JSON). An older one than an hour
-- is not worth trusting to be what the source would send.
SELECT begins, page FROM sync.unwritten_pages
 WHERE dataset = %(dataset)s AND kept_at > now() - interval '1 hour'
