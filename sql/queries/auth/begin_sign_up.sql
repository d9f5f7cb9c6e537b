-- Send a code to an e-mail address: the sign-up's id, whoever has the address.
SELECT begun
  FROM auth.begin_sign_up(%(sign_up)s::uuid, decode(%(token_hash)s::text, 'hex'), decode(%(code_hash)s::text, 'hex'),
                          %(email)s::text, %(language)s::text, %(code)s::text, %(minutes)s::integer, %(address)s::text)
