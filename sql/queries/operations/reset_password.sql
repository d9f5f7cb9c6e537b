-- Another password, and the end of every session.
WITH changed AS (
    UPDATE auth.users SET password_hash = %(hashed)s, password_set_at = now() WHERE id = %(user)s RETURNING id
)
SELECT auth.revoke_all(id, NULL, 'password_reset') FROM changed
