-- For whom a person may act, and as what, the first given first.
SELECT m.customer_id, c.name, m.role, m.created_at
  FROM auth.memberships m
  LEFT JOIN hub.customer_accounts a ON a.id = m.customer_id
  LEFT JOIN hub.customers c ON c.id = a.customer_id
 WHERE m.user_id = %(user)s
 ORDER BY m.created_at, m.customer_id
