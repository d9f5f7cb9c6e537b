-- Who a session's person is and for whom they may act, as JSON; no row: it is over.
SELECT person FROM auth.me(%(session)s::uuid)
