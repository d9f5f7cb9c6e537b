-- Who is invited to the customer of an owner's session, as JSON; no row: the session is over, or no owner's.
SELECT invitations FROM auth.invitations_of(%(session)s::uuid)
