-- Support cases of the customer, newest first: JSON, and the key that the next page starts after. The index gives the order.
SELECT json_build_object({support/case_fields}), opened.opened_at, opened.id
  FROM hub.support_cases opened
 WHERE opened.account_id = (SELECT hub.current_account('salesforce'))
   AND opened.deleted_at IS NULL
   AND (%(status)s::text IS NULL OR opened.status = %(status)s::text)
   AND (opened.opened_at, opened.id) < (%(after)s::timestamptz, %(after_id)s::uuid)
 ORDER BY opened.opened_at DESC, opened.id DESC
 LIMIT %(rows)s::int
