-- What a command has done so far, in order.
SELECT name, status, attempts, result, extract(epoch FROM clock_timestamp() - started_at)::float AS seconds_ago, error
  FROM command.steps
 WHERE command_id = %(id)s
 ORDER BY number
