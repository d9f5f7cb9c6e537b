-- Exchange a refresh token: what became of it (rotated, repeated, reused, unknown, ended, no_account); session, person,
-- customer, role, epoch, how (words with spaces between) and when they proved who they are, and what leads to the newest
-- token.
SELECT outcome, session_id, user_id, customer_id, role, epoch, array_to_string(amr, ' '),
       auth.authenticated_at(session_id), salts
  FROM auth.refresh(decode(%(token)s::text, 'hex'), decode(%(salt)s::text, 'hex'), decode(%(successor)s::text, 'hex'),
                    decode(%(client)s::text, 'hex'), make_interval(secs => %(grace)s::double precision),
                    make_interval(days => %(days)s::integer), make_interval(days => %(longest)s::integer),
                    %(address)s::text)
