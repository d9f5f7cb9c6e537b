-- The person with that e-mail address, and the hash of their password; no row: nobody.
SELECT user_id, password_hash FROM auth.known(%(email)s::text)
