-- A browser is asked to use a passkey.
SELECT begun
  FROM auth.begin_ceremony(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'),
                           make_interval(mins => %(minutes)s::integer))
