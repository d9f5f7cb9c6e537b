-- Give a claim back: to go on in `wait` seconds, or ended. Only by whoever holds it; no row: somebody else does.
UPDATE command.commands
   SET status = %(status)s, due_at = clock_timestamp() + %(wait)s * interval '1 second', waits_for = %(waits_for)s,
       deadline_at = deadline_at + %(grace)s * interval '1 second', attempts = %(attempts)s, result = coalesce(%(result)s::jsonb, result),
       failure_code = coalesce(%(failure_code)s::text, failure_code),
       failure_reason = coalesce(%(failure_reason)s::text, failure_reason),
       finished_at = CASE WHEN %(status)s IN ('succeeded', 'failed') THEN clock_timestamp() END,
       claimed_by = NULL, lease_until = NULL
 WHERE id = %(id)s AND claim = %(claim)s AND status = 'running'
RETURNING pg_notify('hub_commands', CASE WHEN %(status)s = 'waiting' THEN '' ELSE kind END)
