-- Which address an invitation is for, good or not, and whether somebody has it; no row: there never was one.
SELECT email, is_known FROM auth.invitation(decode(%(token_hash)s::text, 'hex'))
