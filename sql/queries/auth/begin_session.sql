-- A person has proved who they are: what became of it (begun, refused, locked, no_account), the customer that they act for,
-- their role there, and the session's epoch.
SELECT outcome, customer_id, role, epoch
  FROM auth.begin_session(%(session)s::uuid, %(person)s::uuid, %(verified)s::text, %(rehashed)s::text,
                          decode(%(token)s::text, 'hex'), %(device)s::text, string_to_array(%(amr)s::text, ' '),
                          make_interval(days => %(days)s::integer), %(forgiven)s::text, %(address)s::text)
