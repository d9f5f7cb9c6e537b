-- Invite an address: what became of it (invited, stale, forbidden), and until when it is good, as JSON.
SELECT outcome, to_json(expires_at)
  FROM auth.invite(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(invitation)s::uuid, %(email)s::text,
                   %(role)s::text, %(language)s::text, decode(%(token_hash)s::text, 'hex'), %(token)s::text,
                   %(days)s::integer, %(address)s::text)
