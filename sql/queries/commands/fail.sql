-- Write down that and why it fails, before anything is taken back; no row: somebody else holds the claim.
UPDATE command.commands SET failing = true, failure_code = %(code)s, failure_reason = %(reason)s
 WHERE id = %(id)s AND claim = %(claim)s AND status = 'running'
RETURNING id
