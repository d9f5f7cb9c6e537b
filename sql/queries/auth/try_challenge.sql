-- Count a try to go on with a challenge: whose it is, by which methods (with spaces between), and what their codes are
-- compared with: the sealed secret of their app. Where it waits for a code by e-mail, a digest that tells the password that was
-- proven. No row: it is good no more.
SELECT tried.user_id, array_to_string(tried.methods, ' '), known.secret, waiting.proven
  FROM auth.try_challenge(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'), %(most)s::integer) tried
 CROSS JOIN LATERAL auth.proving(tried.user_id) known
  LEFT JOIN auth.waits_for_code(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex')) waiting ON true
