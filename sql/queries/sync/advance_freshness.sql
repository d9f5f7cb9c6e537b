-- After a run: it checked. Where it read everything, the data set is known up to `as_of`; where a reconcile passed, it was
-- found right as of `verified_through`. Nothing is returned.
UPDATE sync.freshness
   SET checked_at = now(),
       as_of = greatest(as_of, %(as_of)s::timestamptz),
       verified_through = greatest(verified_through, %(verified_through)s::timestamptz)
 WHERE dataset = %(dataset)s
