-- After a call that failed. Where nothing can have come of it the step is as if it had never been started.
WITH held AS (
    SELECT id FROM command.commands WHERE id = %(id)s AND claim = %(claim)s AND status = 'running' FOR UPDATE
), undone AS (
    DELETE FROM command.steps s USING held
     WHERE s.command_id = held.id AND s.name = %(step)s AND s.status = 'started' AND %(nothing_came)s
), broken AS (
    UPDATE command.steps s SET error = %(error)s
      FROM held
     WHERE s.command_id = held.id AND s.name = %(step)s AND s.status = 'started' AND NOT %(nothing_came)s
)
SELECT id FROM held
