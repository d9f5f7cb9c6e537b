-- A person logs in by a passkey: what became of it (as begin_session), customer, role, epoch, how and when they proved who they
-- are.
SELECT outcome, customer_id, role, epoch, array_to_string(amr, ' '), auth.authenticated_at(%(session)s::uuid)
  FROM auth.enter_by_passkey(%(person)s::uuid, %(proof)s::text, %(session)s::uuid, decode(%(token)s::text, 'hex'),
                             %(device)s::text, make_interval(days => %(days)s::integer), %(address)s::text)
