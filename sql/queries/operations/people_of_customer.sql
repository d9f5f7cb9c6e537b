-- Who may act for a customer, known by any of these ids: their id, and whether they may act for another customer too.
SELECT m.user_id,
       EXISTS (SELECT FROM auth.memberships other
                WHERE other.user_id = m.user_id AND other.customer_id <> ALL (%(customers)s::uuid[]))
  FROM auth.memberships m
 WHERE m.customer_id = ANY (%(customers)s::uuid[])
 GROUP BY m.user_id
 ORDER BY m.user_id
