-- Whose log-in waits for a code by e-mail; no row: nobody's.
SELECT user_id FROM auth.waits_for_code(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'))
