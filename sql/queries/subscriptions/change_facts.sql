-- What decides whether the customer's subscription may end, and the command that the key already stands for; no row: no
-- such subscription.
SELECT json_build_object(
           'status', subscription.status, 'service_type', subscription.service_type,
           'has_line', EXISTS (SELECT FROM hub.sims line WHERE line.subscription_id = subscription.id AND line.is_open
                                  AND line.msisdn IS NOT NULL AND line.deleted_at IS NULL),
           'open_kinds', (SELECT coalesce(json_agg(c.kind), '[]') FROM command.commands c
                           WHERE c.subject_id = subscription.id
                             AND c.status IN ('accepted', 'running', 'waiting', 'dead'))),
       {commands/earlier}
  FROM hub.subscriptions subscription
 WHERE subscription.id = %(id)s::uuid
   AND subscription.account_id = (SELECT hub.current_account('whmcs'))
   AND subscription.deleted_at IS NULL
