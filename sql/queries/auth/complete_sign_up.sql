-- Store the command that makes a customer of whoever proved their mailbox: what became of it, and the command.
SELECT outcome, command_id
  FROM auth.complete_sign_up(decode(%(token_hash)s::text, 'hex'), %(command)s::uuid, %(hashed)s::text,
                             %(input)s::jsonb, %(request_id)s::text, %(address)s::text)
