-- Switch an authenticator app off: what became of it (off, none, short, last, stale), and how many other sessions ended.
SELECT outcome, ended
  FROM auth.end_totp(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(address)s::text)
