-- A passkey was made: what became of it (added, refused, stale), whether recovery codes go with it, how many other sessions ended.
SELECT outcome, with_codes, ended
  FROM auth.add_passkey(%(session)s::uuid, make_interval(mins => %(fresh)s::integer),
                        decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'), %(passkey)s::uuid,
                        %(name)s::text, decode(%(credential)s::text, 'hex'), decode(%(public_key)s::text, 'hex'),
                        %(count)s::bigint, string_to_array(%(transports)s::text, ' '), %(backed_up)s::boolean,
                        %(codes)s::bytea[], %(address)s::text)
