-- Takes all second factors of a person away, and ends their sessions.
SELECT auth.take_factors(%(user)s, NULL)
