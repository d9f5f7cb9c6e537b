-- Call a command off of which nothing was done yet: no step but those that only read. No row: too late.
UPDATE command.commands c
   SET status = 'cancelled', finished_at = clock_timestamp(), failure_code = 'CANCELLED',
       failure_reason = 'It was called off before anything was done.'
 WHERE c.id = %(id)s AND c.status IN ('accepted', 'waiting')
   AND NOT EXISTS (SELECT 1 FROM command.steps s WHERE s.command_id = c.id AND NOT s.name = ANY(%(reads)s))
RETURNING c.id
