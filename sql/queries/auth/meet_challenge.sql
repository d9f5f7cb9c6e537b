-- A second factor is proven: what became of it (as begin_session, or ended, wrong), person, customer, role, epoch, how and
-- when they proved who they are.
SELECT outcome, user_id, customer_id, role, epoch, array_to_string(amr, ' '), auth.authenticated_at(%(session)s::uuid)
  FROM auth.meet_challenge(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'), %(method)s::text,
                           %(proof)s::text, %(session)s::uuid, decode(%(token)s::text, 'hex'), %(device)s::text,
                           make_interval(days => %(days)s::integer), %(forgiven)s::text, %(address)s::text)
