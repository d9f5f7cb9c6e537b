-- Change the address by a link: how many other sessions ended; null: the link is not good.
SELECT ended FROM auth.confirm_email(decode(%(token_hash)s::text, 'hex'), %(session)s::uuid, %(address)s::text)
