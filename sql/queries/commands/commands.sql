-- Commands of the customer, newest first: JSON, and the key that the next page starts after.
SELECT json_build_object({commands/command_fields}), command.accepted_at, command.id
  FROM command.commands command
 WHERE command.account_id IN ((SELECT hub.current_account('salesforce')), (SELECT hub.current_account('whmcs')))
   AND (command.accepted_at, command.id) < (%(after)s::timestamptz, %(after_id)s::uuid)
   AND (%(status)s::text IS NULL OR command.status = replace(%(status)s::text, 'needs_attention', 'dead'))
 ORDER BY command.accepted_at DESC, command.id DESC
 LIMIT %(rows)s::int
