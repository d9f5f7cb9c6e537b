-- Release the lock to whoever waits for it.
SELECT pg_advisory_unlock(hashtext('hub.commands'), hashtext(%(name)s))
