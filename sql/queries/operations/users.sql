-- People: accounts, sessions that are good, when they were here last, until when they are locked, whether they are support
-- agents; the latest here first.
SELECT u.id, u.email, u.created_at,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until,
       CASE WHEN u.locked_until > now() THEN u.lock_reason END AS lock_reason,
       u.password_set_at, u.is_agent,
       (SELECT count(*) FROM auth.memberships m WHERE m.user_id = u.id) AS accounts,
       (SELECT count(*) FROM auth.sessions s
         WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now()) AS sessions,
       (SELECT max(s.last_used_at) FROM auth.sessions s WHERE s.user_id = u.id) AS last_used_at
  FROM auth.users u
 WHERE %(email)s::text IS NULL OR lower(u.email) = lower(%(email)s::text)
 ORDER BY last_used_at DESC NULLS LAST, u.email
 LIMIT %(limit)s
