-- Send a link to the address that somebody wants to log in with: what became of it (requested, stale).
SELECT outcome
  FROM auth.request_email_change(%(session)s::uuid, make_interval(mins => %(fresh)s::integer), %(email)s::text,
                                 decode(%(token_hash)s::text, 'hex'), %(token)s::text, %(minutes)s::integer,
                                 %(address)s::text)
