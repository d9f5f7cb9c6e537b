-- New recovery codes: what became of it (renewed, none, stale), and how many other sessions ended.
SELECT outcome, ended
  FROM auth.renew_recovery_codes(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(codes)s::bytea[],
                                 %(address)s::text)
