-- The line that a command changes, while it is of the command's account: its number and whose that is, its service at
-- WHMCS, and the opportunity of its service.
SELECT line.msisdn, line.number_claim, line.is_open, line.source_id AS service, subscription.opportunity_id
  FROM hub.sims line
  LEFT JOIN hub.subscriptions subscription ON subscription.id = line.subscription_id
 WHERE line.id = %(id)s AND line.account_id = %(account)s AND line.deleted_at IS NULL
