-- Part of other questions: a subscription's keys and values, for json_build_object.
'id', subscription.id,
'productName', subscription.product_name,
'groupName', subscription.group_name,
'serviceType', subscription.service_type,
'status', subscription.status,
'billingCycle', subscription.billing_cycle,
'amount', json_build_object('value', trim_scale(subscription.amount), 'currency', {billing/currency}),
'firstAmount', CASE WHEN subscription.first_amount IS NOT NULL
                    THEN json_build_object('value', trim_scale(subscription.first_amount),
                                           'currency', {billing/currency}) END,
'registrationDate', subscription.registered_on,
'nextDueDate', subscription.next_due_on,
'paymentMethod', subscription.payment_method,
'simId', (SELECT sim.id FROM {hub.sims} sim
           WHERE sim.subscription_id = subscription.id AND sim.deleted_at IS NULL LIMIT 1),
'pending', (SELECT coalesce(json_agg(json_build_object({commands/pending_fields}) ORDER BY pending.seq), '[]')
              FROM {command.commands} pending
             WHERE pending.subject_id = subscription.id AND pending.status IN ('accepted', 'running', 'waiting', 'dead'))
