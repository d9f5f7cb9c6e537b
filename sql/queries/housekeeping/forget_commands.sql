-- Empty the input and the result in commands that ended so many days ago; a row each. The row itself, its status,
-- moments and key stay.
WITH ended AS (
    SELECT c.id, kept.input
      FROM command.commands c
     CROSS JOIN LATERAL command.kept_input(c.kind, c.input) AS kept (input)
     WHERE c.status IN ('succeeded', 'failed', 'cancelled')
       AND c.finished_at < now() - make_interval(days => %(days)s)
       AND (c.input <> kept.input OR c.result IS NOT NULL
            OR EXISTS (SELECT FROM command.steps s WHERE s.command_id = c.id AND s.result IS NOT NULL))
     ORDER BY c.seq
     LIMIT %(at_most)s
), steps AS (
    UPDATE command.steps s SET result = NULL FROM ended WHERE s.command_id = ended.id AND s.result IS NOT NULL
)
UPDATE command.commands c SET input = ended.input, result = NULL FROM ended WHERE c.id = ended.id
RETURNING c.id
