-- The keys of access tokens, the newest first; what is secret of them is not among it.
SELECT kid, state, algorithm, created_at, retired_at, verifies_until FROM auth.signing_keys ORDER BY created_at DESC, kid
