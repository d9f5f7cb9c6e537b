-- Send a code to whoever's log-in waits for one: whether one does.
SELECT sent
  FROM auth.send_code(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'), %(code)s::text,
                      decode(%(code_hash)s::text, 'hex'), %(minutes)s::integer, %(device)s::text, %(address)s::text)
