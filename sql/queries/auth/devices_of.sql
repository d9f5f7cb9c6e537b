-- The devices on which a session's person is asked for no code, as JSON; no row: it is over.
SELECT devices FROM auth.devices_of(%(session)s::uuid)
