-- Take a passkey away: what became of it (off, none, short, last, stale), and how many other sessions ended.
SELECT outcome, ended
  FROM auth.end_passkey(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(passkey)s::uuid,
                        %(address)s::text)
