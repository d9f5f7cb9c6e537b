-- Send a link that sets a password to whoever has that e-mail address, if anybody has: the message's id.
SELECT message_id
  FROM auth.request_password_link(%(email)s::text, decode(%(token_hash)s::text, 'hex'), %(token)s::text,
                                  %(minutes)s::integer, %(address)s::text)
