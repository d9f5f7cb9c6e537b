-- Commands, newest first, for operators.
SELECT c.id, c.kind, c.status, c.subject_kind || '/' || c.subject_id AS subject, c.accepted_at, c.attempts,
       CASE WHEN c.status = 'waiting' THEN c.due_at END AS due_at, coalesce(c.failure_code, c.waits_for) AS why,
       c.request_id
  FROM command.commands c
 WHERE (%(status)s::text IS NULL OR c.status = %(status)s)
 ORDER BY c.seq DESC
 LIMIT %(rows)s
