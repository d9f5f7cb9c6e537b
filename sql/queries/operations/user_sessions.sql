-- Where a person is and was logged in, the latest first.
SELECT id, device, array_to_string(amr, ' ') AS amr, customer_id, created_at, last_used_at, expires_at, revoked_at, revoked_why
  FROM auth.sessions
 WHERE user_id = %(user)s
 ORDER BY last_used_at DESC
 LIMIT 50
