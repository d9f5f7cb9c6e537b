-- A log-in needs a second factor: the methods by which it may go on, with spaces between.
SELECT array_to_string(methods, ' ')
  FROM auth.open_challenge(decode(%(challenge)s::text, 'hex'), %(person)s::uuid, %(verified)s::text,
                           decode(%(client)s::text, 'hex'), %(forgiven)s::text,
                           make_interval(mins => %(minutes)s::integer), %(address)s::text)
