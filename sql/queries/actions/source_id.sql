-- The id that its system has for the case or subscription that a command changes, while it is of the command's account,
-- and what is known of its end.
SELECT source_id, NULL AS opportunity_id, NULL AS next_due_on
  FROM hub.support_cases
 WHERE id = %(id)s AND account_id = %(account)s AND deleted_at IS NULL
UNION ALL
SELECT source_id, opportunity_id, next_due_on
  FROM hub.subscriptions
 WHERE id = %(id)s AND account_id = %(account)s AND deleted_at IS NULL
