-- Who a session's person is and for whom they may act, or as whom a view looks, as JSON; no row: it is over.
SELECT person FROM auth.me(%(session)s::uuid)
 UNION ALL
SELECT person FROM auth.me_by_view(%(session)s::uuid)
