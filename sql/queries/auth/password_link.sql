-- The e-mail address of the person whose password a link may set; no row: it is good no more, or never was.
SELECT email FROM auth.password_link(decode(%(token_hash)s::text, 'hex'))
