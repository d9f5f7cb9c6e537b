-- End every session of a session's person: how many that were.
SELECT ended FROM auth.end_all_sessions(%(session)s::uuid, %(address)s::text)
