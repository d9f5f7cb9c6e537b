-- The person with that e-mail address: their id; no row: nobody.
SELECT id FROM auth.users WHERE lower(email) = lower(%(email)s)
