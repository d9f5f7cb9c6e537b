-- What a person proves who they are with, besides a password: each with when it was switched on, and of recovery codes how
-- many are left.
SELECT 'totp' AS method, confirmed_at AS since, NULL::bigint AS remaining
  FROM auth.totp WHERE user_id = %(user)s AND secret IS NOT NULL
 UNION ALL
SELECT 'recovery', min(created_at), count(*)
  FROM auth.recovery_codes WHERE user_id = %(user)s AND used_at IS NULL HAVING count(*) > 0
