-- Whether the customer's case may be gone on with, and the command that the key already stands for; no row: no such case.
SELECT json_build_object('is_closed', opened.is_closed), {commands/earlier}
  FROM hub.support_cases opened
 WHERE opened.id = %(id)s::uuid
   AND opened.account_id = (SELECT hub.current_account('salesforce'))
   AND opened.deleted_at IS NULL
