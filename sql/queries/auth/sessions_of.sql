-- The sessions of a session's person that are good, as JSON.
SELECT sessions FROM auth.sessions_of(%(session)s::uuid)
