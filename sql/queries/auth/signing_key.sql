-- The name of the key that signs now, and its private key in hexadecimal; no row: none was made yet.
SELECT kid, encode(private_key, 'hex') FROM auth.signing_key()
