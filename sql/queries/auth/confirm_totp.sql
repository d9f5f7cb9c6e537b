-- Switch an authenticator app on: what became of it (on, wrong, stale), and how many other sessions ended.
SELECT outcome, ended
  FROM auth.confirm_totp(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(sealed)s::text,
                         %(step)s::bigint, %(codes)s::bytea[], %(forgiven)s::text, %(address)s::text)
