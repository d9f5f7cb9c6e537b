-- A session's person is asked to make a passkey: their id, e-mail address, and the credentials that they have, in hexadecimal
-- with spaces between; no row: the session is not fresh.
SELECT user_id, email, array_to_string(credentials, ' ')
  FROM auth.begin_passkey(%(session)s::uuid, make_interval(mins => %(fresh)s::integer),
                          decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'),
                          make_interval(mins => %(minutes)s::integer))
