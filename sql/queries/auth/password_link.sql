-- The e-mail address of the person whose password a link may set, and whether they have a second factor; no row: it is good
-- no more, or never was.
SELECT email, cardinality(auth.second_methods(user_id)) > 0
  FROM auth.password_link(decode(%(token_hash)s::text, 'hex'))
