-- Send a code to an e-mail address, whoever has it: for how many minutes it is good.
SELECT minutes
  FROM auth.begin_sign_up(%(sign_up)s::uuid, decode(%(token_hash)s::text, 'hex'), decode(%(code_hash)s::text, 'hex'),
                          %(email)s::text, %(language)s::text, %(code)s::text, %(address)s::text)
