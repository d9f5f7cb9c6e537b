-- Release the lock of that name: whoever waits for it goes on.
SELECT pg_advisory_unlock(hashtext('hub.commands'), hashtext(%(name)s))
