-- Before a call: from now on its outcome is unknown. No row: somebody else holds the claim.
WITH held AS (
    SELECT id FROM command.commands WHERE id = %(id)s AND claim = %(claim)s AND status = 'running' FOR UPDATE
)
INSERT INTO command.steps AS s (command_id, name, number, status, started_at)
SELECT held.id, %(step)s, 1 + (SELECT count(*) FROM command.steps WHERE command_id = held.id), 'started',
       clock_timestamp()
  FROM held
ON CONFLICT (command_id, name) DO UPDATE
   SET attempts = s.attempts + 1, started_at = clock_timestamp(), error = NULL
 WHERE s.status = 'started'
RETURNING attempts
