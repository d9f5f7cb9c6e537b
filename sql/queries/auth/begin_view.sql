-- An agent looks at a customer: what became of it (begun, stale, no_agent, unknown), and as whom they look.
SELECT outcome, user_id
  FROM auth.begin_view(%(view)s::uuid, %(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(customer)s::uuid,
                       %(person)s::uuid, %(reason)s::text, make_interval(mins => %(minutes)s::integer), %(address)s::text)
