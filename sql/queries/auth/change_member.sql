-- Give somebody another role, or none: what became of it (changed, stale, forbidden, unknown, last_owner).
SELECT outcome
  FROM auth.change_member(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(member)s::uuid, %(role)s::text,
                          %(address)s::text)
