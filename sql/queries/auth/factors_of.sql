-- What a session's person proves who they are with, as JSON; no row: it is over.
SELECT factors FROM auth.factors_of(%(session)s::uuid)
