-- Remember how a window of a reconcile pass compared; nothing is returned.
INSERT INTO sync.windows (dataset, number, pass_id, first_id, last_id, source_rows, missing, different, content_hash)
VALUES (%(dataset)s, %(number)s, %(pass_id)s, %(first_id)s, %(last_id)s, %(source_rows)s, %(missing)s, %(different)s,
        %(content_hash)s)
ON CONFLICT (dataset, number) DO UPDATE
   SET pass_id = excluded.pass_id, first_id = excluded.first_id, last_id = excluded.last_id,
       source_rows = excluded.source_rows, missing = excluded.missing, different = excluded.different,
       content_hash = excluded.content_hash, checked_at = now()
