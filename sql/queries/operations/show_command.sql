-- One command, by its id or the beginning of it, for operators: its input stays out of sight.
SELECT c.id, c.kind, c.status, c.subject_kind, c.subject_id, c.lane, c.accepted_at, c.started_at, c.finished_at, c.due_at,
       c.deadline_at, c.attempts, c.waits_for, c.failing, c.failure_code, c.failure_reason, c.request_id, c.claimed_by,
       c.lease_until, c.result, c.customer_id
  FROM command.commands c
 WHERE starts_with(c.id::text, %(id)s)
 ORDER BY c.seq
 LIMIT 2
