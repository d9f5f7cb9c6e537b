-- When support looked at the customer of a session, as JSON; no row: the session is over, or no owner's.
SELECT views FROM auth.views_of(%(session)s::uuid)
