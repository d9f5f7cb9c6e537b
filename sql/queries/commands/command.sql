-- One command of the customer: one JSON object, or no row.
SELECT json_build_object({commands/command_fields})
  FROM command.commands command
 WHERE command.id = %(id)s::uuid
   AND command.account_id IN ((SELECT hub.current_account('salesforce')), (SELECT hub.current_account('whmcs')))
