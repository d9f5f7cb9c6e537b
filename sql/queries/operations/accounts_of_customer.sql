-- The accounts of a customer named by any id it was ever known by: customer_id, source, source_id, id; a row each.
SELECT a.customer_id, a.source, a.source_id, a.id
  FROM hub.customer_accounts a
 WHERE a.customer_id = (SELECT customer_id FROM hub.customer_accounts WHERE id = %(id)s)
 ORDER BY a.source, a.id
