-- How old each data set is, and how old it may be: JSON each.
SELECT json_build_object(
           'dataset', freshness.dataset,
           'system', freshness.system,
           'asOf', freshness.as_of,
           'ageSeconds', CASE WHEN freshness.as_of IS NOT NULL
                             THEN greatest(0, extract(epoch FROM now() - freshness.as_of))::bigint END,
           'targetSeconds', freshness.target_seconds,
           'stale', freshness.as_of IS NULL OR freshness.as_of < now() - freshness.target_seconds * interval '1 second',
           'parked', freshness.parked_at IS NOT NULL)
  FROM sync.freshness
 ORDER BY freshness.dataset
