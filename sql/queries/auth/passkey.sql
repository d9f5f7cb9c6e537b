-- Whose a credential is, and its public key in hexadecimal; no row: nobody's.
SELECT user_id, encode(public_key, 'hex') FROM auth.passkey(decode(%(credential)s::text, 'hex'))
