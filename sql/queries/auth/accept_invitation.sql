-- Accept an invitation: what became of it (accepted, ended, log_in), the customer, and the role there.
SELECT outcome, customer_id, role
  FROM auth.accept_invitation(decode(%(token_hash)s::text, 'hex'), %(session)s::uuid, %(hashed)s::text, %(address)s::text)
