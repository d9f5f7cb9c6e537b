-- Withdraw an invitation: what became of it (withdrawn, unknown, stale, forbidden).
SELECT outcome
  FROM auth.end_invitation(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(invitation)s::uuid,
                           %(address)s::text)
