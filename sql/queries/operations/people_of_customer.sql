-- Who may act for a customer, known by any of these ids: their id, whether they may act for another customer too, and their
-- e-mail address in small letters.
SELECT u.id,
       EXISTS (SELECT FROM auth.memberships other
                WHERE other.user_id = u.id AND other.customer_id <> ALL (%(customers)s::uuid[])),
       lower(u.email)
  FROM auth.users u
 WHERE u.id IN (SELECT m.user_id FROM auth.memberships m WHERE m.customer_id = ANY (%(customers)s::uuid[]))
 ORDER BY u.id
