-- Prove a mailbox by the code that was sent to it: as whom it is known, or `wrong` or `ended`.
SELECT outcome
  FROM auth.verify_sign_up(decode(%(token_hash)s::text, 'hex'), decode(%(code_hash)s::text, 'hex'), %(number)s::text,
                           %(address)s::text)
