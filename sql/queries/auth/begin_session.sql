-- A person has proved who they are: what became of it (begun, refused, locked, challenged, no_account), the customer that they
-- act for, their role there, the session's epoch, and when they proved it. shown: the hash of their device's token, or null.
SELECT outcome, customer_id, role, epoch, auth.authenticated_at(%(session)s::uuid)
  FROM auth.begin_session(%(session)s::uuid, %(person)s::uuid, %(verified)s::text, %(rehashed)s::text,
                          decode(%(token)s::text, 'hex'), %(device)s::text, string_to_array(%(amr)s::text, ' '),
                          make_interval(days => %(days)s::integer), %(forgiven)s::text, %(address)s::text,
                          %(codes)s::boolean, decode(%(shown)s::text, 'hex'))
