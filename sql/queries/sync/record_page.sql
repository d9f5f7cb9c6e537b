-- Remember, in the transaction that writes a page, where its reader stands (null: it keeps no position) and what the run
-- did. Whoever follows the change log is notified when this commits, where there is something to tell; nothing of use is
-- returned.
WITH saved AS (
    INSERT INTO sync.cursors (dataset, position)
    SELECT %(dataset)s, %(position)s::jsonb WHERE %(position)s::jsonb IS NOT NULL
    ON CONFLICT (dataset) DO UPDATE SET position = excluded.position, updated_at = now()
)
UPDATE sync.runs
   SET pages = pages + 1,
       rows_read = rows_read + %(rows_read)s,
       inserted = inserted + %(inserted)s,
       updated = updated + %(updated)s,
       unchanged = unchanged + %(unchanged)s,
       deleted = deleted + %(deleted)s,
       quarantined = quarantined + %(quarantined)s,
       unknown_labels = CASE WHEN %(unknown_labels)s = '{}'::jsonb THEN unknown_labels ELSE (
           SELECT jsonb_object_agg(key, total)
             FROM (SELECT key, sum(value::bigint) AS total
                     FROM (SELECT * FROM jsonb_each_text(coalesce(unknown_labels, '{}'))
                           UNION ALL SELECT * FROM jsonb_each_text(%(unknown_labels)s)) each
                    GROUP BY key) summed) END
 WHERE id = %(run_id)s
RETURNING CASE WHEN %(tells)s THEN pg_notify('hub_changes', '') END
