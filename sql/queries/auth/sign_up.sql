-- Where a sign-up stands, by its token: e-mail address, state, as whom it is known, its command and why that failed. No row:
-- there is none that is good.
SELECT email, state, known_as, command, failure_code, failure_reason FROM auth.sign_up(decode(%(token_hash)s::text, 'hex'))
