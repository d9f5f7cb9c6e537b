-- Who acts for the customer of an owner's session, as JSON; no row: the session is over, or no owner's.
SELECT members FROM auth.members(%(session)s::uuid)
