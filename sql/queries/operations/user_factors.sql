-- What a person proves who they are with, besides a password: each with when it was switched on, of recovery codes how many are
-- left, and of passkeys what they call them.
SELECT 'passkey' AS method, created_at AS since, NULL::bigint AS remaining, name
  FROM auth.passkeys WHERE user_id = %(user)s
 UNION ALL
SELECT 'totp', confirmed_at, NULL, NULL
  FROM auth.totp WHERE user_id = %(user)s AND secret IS NOT NULL
 UNION ALL
SELECT 'recovery', min(created_at), count(*), NULL
  FROM auth.recovery_codes WHERE user_id = %(user)s AND used_at IS NULL HAVING count(*) > 0
