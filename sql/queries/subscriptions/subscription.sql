-- One subscription of the customer: one JSON object, or no row.
SELECT json_build_object({subscriptions/subscription_fields})
  FROM {hub.subscriptions} subscription
 WHERE subscription.id = %(id)s::uuid
   AND subscription.account_id = (SELECT hub.current_account('whmcs'))
   AND subscription.deleted_at IS NULL
