-- The system answers: everybody may call; nothing is returned.
UPDATE sync.sources
   SET circuit = 'closed', failures = 0, failing = '{}', opened_at = NULL, retry_at = NULL, reason = NULL,
       answered_at = clock_timestamp()
 WHERE system = %(system)s
