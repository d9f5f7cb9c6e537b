-- Change the password of a session's person: how many other sessions ended; null: the old one is not that any more.
SELECT ended
  FROM auth.change_password(%(session)s::uuid, %(verified)s::text, %(hashed)s::text, %(suffices)s::boolean,
                            %(address)s::text)
