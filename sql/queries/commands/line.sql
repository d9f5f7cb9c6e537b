-- The line that a command changes: its number, its service at WHMCS, its chip, and the opportunity of its service.
SELECT line.msisdn, line.source_id AS service, line.eid, line.plan_code, subscription.opportunity_id
  FROM hub.sims line
  LEFT JOIN hub.subscriptions subscription ON subscription.id = line.subscription_id
 WHERE line.id = %(id)s
