-- Subscriptions of the customer: JSON, and the key that the next page starts after.
SELECT json_build_object({subscriptions/subscription_fields}), subscription.id
  FROM {hub.subscriptions} subscription
 WHERE subscription.account_id = (SELECT hub.current_account('whmcs'))
   AND subscription.deleted_at IS NULL
   AND (%(status)s::text IS NULL OR subscription.status = %(status)s::text)
   AND subscription.id > %(after_id)s::uuid
 ORDER BY subscription.id
 LIMIT %(rows)s::int
