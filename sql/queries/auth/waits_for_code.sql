-- Whose log-in waits for a code by e-mail, and a digest that tells the password that they proved; no row: nobody's.
SELECT user_id, proven FROM auth.waits_for_code(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'))
