-- One support case of the customer: one JSON object, or no row.
SELECT json_build_object({support/case_fields}, 'description', opened.description)
  FROM hub.support_cases opened
 WHERE opened.id = %(id)s::uuid
   AND opened.account_id = (SELECT hub.current_account('salesforce'))
   AND opened.deleted_at IS NULL
