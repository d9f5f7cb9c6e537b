-- The system answers: everybody may call; nothing is returned.
UPDATE sync.sources SET circuit = 'closed', failures = 0, opened_at = NULL, retry_at = NULL, reason = NULL
 WHERE system = %(system)s
