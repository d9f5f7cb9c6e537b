-- Another password, long enough to be all that is proven, and the end of every session.
WITH changed AS (
    UPDATE auth.users SET password_hash = %(hashed)s, password_set_at = now(), password_suffices = true
     WHERE id = %(user)s RETURNING id
)
SELECT auth.revoke_all(id, NULL, 'password_reset') FROM changed
