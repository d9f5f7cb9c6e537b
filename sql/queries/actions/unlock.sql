-- Let the next one have its turn.
SELECT pg_advisory_unlock(hashtext('hub.commands'), hashtext(%(name)s))
