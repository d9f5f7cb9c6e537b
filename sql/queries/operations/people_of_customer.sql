-- Who may act for a customer, known by any of these ids: their id, and whether they may act for another customer too, or are of
-- support and look at all. Memberships outlast the customer they are of: one that was erased, or that is deleted at its source
-- and can be acted for by nobody (auth.acting), is no reason to keep a person.
SELECT u.id,
       u.is_agent OR EXISTS (SELECT FROM auth.memberships other
                 JOIN hub.customer_accounts named ON named.id = other.customer_id AND named.deleted_at IS NULL
                WHERE other.user_id = u.id AND other.customer_id <> ALL (%(customers)s::uuid[])
                  AND NOT EXISTS (SELECT FROM hub.customers gone
                                   WHERE gone.id = named.customer_id AND gone.deleted_at IS NOT NULL)
                  AND NOT EXISTS (SELECT FROM sync.erased e WHERE e.account_id = named.id))
  FROM auth.users u
 WHERE u.id IN (SELECT m.user_id FROM auth.memberships m WHERE m.customer_id = ANY (%(customers)s::uuid[]))
 ORDER BY u.id
