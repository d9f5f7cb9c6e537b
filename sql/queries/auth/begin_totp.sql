-- Remember a secret that an authenticator app is given: whether the session is good and fresh.
SELECT begun
  FROM auth.begin_totp(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(sealed)s::text)
