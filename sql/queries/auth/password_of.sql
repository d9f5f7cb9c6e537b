-- The person of a session, their e-mail address, the hash of their password, and whether they have a second factor; no row:
-- it is over.
SELECT user_id, email, password_hash, cardinality(auth.second_methods(user_id)) > 0
  FROM auth.password_of(%(session)s::uuid)
