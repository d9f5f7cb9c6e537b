-- Whether a data set was ever read to its end: one row with true, if so.
SELECT true FROM sync.freshness WHERE dataset = %(dataset)s AND as_of IS NOT NULL
