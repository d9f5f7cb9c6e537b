-- No password any more, and the end of every session.
WITH changed AS (UPDATE auth.users SET password_hash = NULL WHERE id = %(user)s RETURNING id)
SELECT auth.revoke_all(id, NULL, 'password_reset') FROM changed
