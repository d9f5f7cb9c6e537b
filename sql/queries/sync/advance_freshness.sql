-- After a run: it looked, and where it read everything, the data set is known up to `as_of`; nothing is returned.
UPDATE sync.freshness
   SET checked_at = now(), as_of = greatest(as_of, %(as_of)s::timestamptz)
 WHERE dataset = %(dataset)s
