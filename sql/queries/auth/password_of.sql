-- The person of a session, their e-mail address and the hash of their password; no row: it is over.
SELECT user_id, email, password_hash FROM auth.password_of(%(session)s::uuid)
