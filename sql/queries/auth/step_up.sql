-- Who they are is proven again: what became of it (fresh, ended, refused, wrong, no_account), person, customer, role, epoch,
-- how and when they proved who they are.
SELECT outcome, user_id, customer_id, role, epoch, array_to_string(amr, ' '), auth.authenticated_at(%(session)s::uuid)
  FROM auth.step_up(%(session)s::uuid, %(method)s::text, %(proof)s::text, %(forgiven)s::text, %(address)s::text)
