-- More is proven: what became of it (as begin_session, or ended, wrong), person, customer, role, epoch, how and when they proved
-- who they are. remembered: the hash of a token by which the device is known from now on; null: it is not to be.
SELECT outcome, user_id, customer_id, role, epoch, array_to_string(amr, ' '), auth.authenticated_at(%(session)s::uuid),
       CASE WHEN outcome = 'begun' AND %(remembered)s::text IS NOT NULL
            THEN auth.remember_device(%(session)s::uuid, decode(%(remembered)s::text, 'hex'),
                                      make_interval(days => %(remember_days)s::integer), %(address)s::text) END
  FROM auth.meet_challenge(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'), %(method)s::text,
                           %(proof)s::text, %(session)s::uuid, decode(%(token)s::text, 'hex'), %(device)s::text,
                           make_interval(days => %(days)s::integer), %(forgiven)s::text, %(address)s::text)
