-- Write down that and why it fails, before anything is taken back, which has `at_least` so long: until when it may take.
-- No row: somebody else holds the claim.
UPDATE command.commands
   SET failing = true, failure_code = %(code)s, failure_reason = %(reason)s,
       deadline_at = greatest(deadline_at, clock_timestamp() + %(at_least)s::interval)
 WHERE id = %(id)s AND claim = %(claim)s AND status = 'running'
RETURNING deadline_at
