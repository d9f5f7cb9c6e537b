-- End a run; a brake parks the data set until a run succeeds. Nothing is returned.
WITH ended AS (
    UPDATE sync.runs
       SET status = CASE WHEN %(error)s::text IS NULL THEN 'succeeded' ELSE 'failed' END,
           error = %(error)s, finished_at = clock_timestamp()
     WHERE id = %(id)s
    RETURNING mode
)
UPDATE sync.freshness
   SET parked_at = CASE WHEN %(brake)s THEN coalesce(parked_at, now()) END,
       parked_reason = CASE WHEN %(brake)s THEN %(error)s END
 WHERE dataset = %(dataset)s AND (%(brake)s OR %(error)s::text IS NULL AND parked_at IS NOT NULL)
   AND (SELECT mode FROM ended) <> 'events'
