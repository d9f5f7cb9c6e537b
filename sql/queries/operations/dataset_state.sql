-- How each data set stands, one row per data set: target and age in seconds (null: never complete), the last run's
-- status, start, error and counts, how many of its rows are in quarantine, and for which reasons above all. Lines whose
-- number is disputed count among those whose details cannot be shown.
SELECT f.dataset, f.system, f.target_seconds, f.as_of,
       extract(epoch FROM now() - f.as_of)::float8 AS age_seconds,
       f.verified_through, extract(epoch FROM now() - f.verified_through)::float8 AS verified_age_seconds,
       f.parked_at, f.parked_reason,
       r.status, r.started_at, r.finished_at, r.error, r.rows_read, r.inserted, r.updated, r.unchanged, r.deleted,
       (SELECT count(*) FROM sync.quarantine q WHERE q.dataset = ANY(reported.datasets) AND q.resolved_at IS NULL) AS quarantined,
       (SELECT coalesce(jsonb_object_agg(why.reason, why.rows), '{}')
          FROM (SELECT q.reason, count(*) AS rows FROM sync.quarantine q
                 WHERE q.dataset = ANY(reported.datasets) AND q.resolved_at IS NULL
                 GROUP BY q.reason ORDER BY count(*) DESC, q.reason LIMIT 5) why) AS quarantine_reasons
  FROM sync.freshness f
 CROSS JOIN LATERAL (SELECT ARRAY[f.dataset, CASE f.dataset WHEN 'freebit.line_details' THEN 'sim.numbers' END]) reported (datasets)
  LEFT JOIN LATERAL (
      SELECT * FROM sync.runs r WHERE r.dataset = f.dataset AND r.mode <> 'events' ORDER BY r.started_at DESC LIMIT 1
  ) r ON true
 ORDER BY f.system, f.dataset
