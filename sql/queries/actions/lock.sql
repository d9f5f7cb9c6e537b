-- Wait for the lock; held until unlocked or the connection ends.
SELECT pg_advisory_lock(hashtext('hub.commands'), hashtext(%(name)s))
