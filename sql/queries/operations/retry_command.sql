-- Let a command go on at once, as where an operator mended what held it up. No row: there is nothing to go on with.
UPDATE command.commands c
   SET status = 'waiting', due_at = clock_timestamp(), attempts = 0, waits_for = NULL, finished_at = NULL,
       deadline_at = greatest(c.deadline_at, clock_timestamp() + %(at_least)s::interval),
       failure_code = CASE WHEN c.failing THEN c.failure_code END,
       failure_reason = CASE WHEN c.failing THEN c.failure_reason END
 WHERE c.id = %(id)s AND c.status IN ('waiting', 'dead')
RETURNING pg_notify('hub_commands', c.kind)
