-- The public keys that verify access tokens, and for each session of which tokens were called back lately the epoch below
-- which they are: both as JSON.
SELECT keys, called_back FROM auth.verifying(make_interval(secs => %(seconds)s::double precision))
