-- Act for another of the person's customers: person, customer, role, epoch, how and when they proved who they are; no row:
-- not theirs.
SELECT user_id, customer_id, role, epoch, array_to_string(amr, ' '), auth.authenticated_at(%(session)s::uuid)
  FROM auth.act_for(%(session)s::uuid, %(customer)s::uuid, %(address)s::text)
