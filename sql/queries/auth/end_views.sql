-- End a view by its own token, or all of an agent's: how many ended.
SELECT ended FROM auth.end_views(%(session)s::uuid, %(address)s::text)
