-- Wait for the lock of that name; held until it is unlocked or the connection ends.
SELECT pg_advisory_lock(hashtext('hub.commands'), hashtext(%(name)s))
