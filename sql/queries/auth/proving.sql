-- What a person's proofs are compared with: e-mail address, hash of the password, sealed secret of the app, and of one that is
-- not on yet; no row: nobody.
SELECT email, password_hash, secret, pending FROM auth.proving(%(person)s::uuid)
