-- End the session that a refresh token belongs to: whether it was good; no row: there is no such token.
SELECT ended FROM auth.end_session_of(decode(%(token)s::text, 'hex'), %(address)s::text)
