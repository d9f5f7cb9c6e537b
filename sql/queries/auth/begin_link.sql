-- Store the command that lets in whoever proved to be the owner of a billing client: what became of it, and the command.
SELECT outcome, command_id
  FROM auth.begin_link(decode(%(token_hash)s::text, 'hex'), %(command)s::uuid, %(hashed)s::text, %(client)s::text,
                       %(account)s::uuid, %(request_id)s::text, %(deadline)s::interval, %(address)s::text)
