-- An operator found out, or made it so, how a dead command ended. No row: it is not dead.
UPDATE command.commands c
   SET status = %(status)s, finished_at = clock_timestamp(), waits_for = NULL,
       failure_code = CASE WHEN %(status)s = 'failed' THEN coalesce(c.failure_code, 'RESOLVED') END,
       failure_reason = CASE WHEN %(status)s = 'failed' THEN %(reason)s END
 WHERE c.id = %(id)s AND c.status = 'dead'
RETURNING c.id
