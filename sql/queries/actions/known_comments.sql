-- Ids of comments that other commands wrote on the same case.
SELECT coalesce(array_agg(s.result ->> 'comment'), '{}') AS ids
  FROM command.commands c JOIN command.steps s ON s.command_id = c.id AND s.name = 'write_comment'
 WHERE c.lane = %(lane)s AND c.id <> %(command)s AND s.status = 'done'
