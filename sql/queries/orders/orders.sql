-- Orders of the customer, newest first: JSON, and the key that the next page starts after. The index gives the order.
SELECT json_build_object({orders/order_fields}), placed.placed_at, placed.id
  FROM hub.orders placed
 WHERE placed.account_id = (SELECT hub.current_account('salesforce'))
   AND placed.deleted_at IS NULL
   AND (placed.placed_at, placed.id) < (%(after)s::timestamptz, %(after_id)s::uuid)
 ORDER BY placed.placed_at DESC, placed.id DESC
 LIMIT %(rows)s::int
