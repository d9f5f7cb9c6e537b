-- End a run; nothing is returned.
UPDATE sync.runs
   SET status = CASE WHEN %(error)s::text IS NULL THEN 'succeeded' ELSE 'failed' END,
       error = %(error)s, finished_at = clock_timestamp()
 WHERE id = %(id)s
