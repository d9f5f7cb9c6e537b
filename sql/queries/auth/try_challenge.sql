-- Count a try to go on with a challenge: whose it is, by which methods (with spaces between), and what their codes are
-- compared with: the sealed secret of their app. No row: it is good no more.
SELECT tried.user_id, array_to_string(tried.methods, ' '), known.secret
  FROM auth.try_challenge(decode(%(challenge)s::text, 'hex'), decode(%(client)s::text, 'hex'), %(most)s::integer) tried
 CROSS JOIN LATERAL auth.proving(tried.user_id) known
