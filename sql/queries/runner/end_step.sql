-- After a call: what came of it. No row: somebody else holds the claim.
WITH held AS (
    SELECT id FROM command.commands WHERE id = %(id)s AND claim = %(claim)s AND status = 'running' FOR UPDATE
)
UPDATE command.steps s SET status = 'done', done_at = clock_timestamp(), result = %(result)s, error = NULL
  FROM held
 WHERE s.command_id = held.id AND s.name = %(step)s
RETURNING s.name
