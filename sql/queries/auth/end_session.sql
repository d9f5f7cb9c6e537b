-- End a session of a session's own person: whether there was one.
SELECT ended FROM auth.end_session(%(session)s::uuid, %(which)s::uuid, %(address)s::text)
