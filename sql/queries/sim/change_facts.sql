-- What decides whether the customer's line may be changed, and the command that the key already stands for; no row: no such
-- line.
SELECT json_build_object(
           'status', line.status, 'plan_code', line.plan_code, 'sim_type', line.sim_type, 'eid', line.eid,
            'has_voice', line.has_voice, 'is_open', line.is_open, 'is_disputed', line.number_claim = 'disputed',
            'pending_operation', line.pending_operation, 'pending_on', line.pending_on,
            'currency', {billing/currency},
            'has_number', line.msisdn IS NOT NULL,
            'payment_methods', (SELECT count(*) FROM hub.payment_methods method
                                 WHERE method.account_id = line.account_id AND method.deleted_at IS NULL),
           'open_kinds', (SELECT coalesce(json_agg(c.kind), '[]') FROM command.commands c
                           WHERE c.subject_id = line.id AND c.status IN ('accepted', 'running', 'waiting', 'dead'))),
       {commands/earlier}
  FROM hub.sims line
 WHERE line.id = %(id)s::uuid
   AND line.account_id = (SELECT hub.current_account('whmcs'))
   AND line.deleted_at IS NULL
