-- Seconds since a change of the line was last accepted by the network; no row: none was.
SELECT extract(epoch FROM clock_timestamp() - max(s.done_at))::float AS seconds
  FROM command.commands c
  JOIN command.steps s ON s.command_id = c.id
 WHERE c.subject_id = %(line)s AND c.id <> %(command)s AND s.status = 'done'
   AND s.name IN ('set_voice', 'set_network', 'set_plan')
HAVING max(s.done_at) IS NOT NULL
