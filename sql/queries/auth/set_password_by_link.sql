-- Set a password by a link, once: how many sessions ended; null: the link is good no more.
SELECT ended
  FROM auth.set_password_by_link(decode(%(token_hash)s::text, 'hex'), %(hashed)s::text, %(suffices)s::boolean,
                                 %(forgiven)s::text, %(address)s::text)
