-- Orders of the customer, newest first, those that are still only commands among them: JSON, and the key that the next
-- page starts after. Indexes give the order.
(SELECT json_build_object({orders/order_fields}), placed.placed_at AS at, placed.id AS id
   FROM {hub.orders} placed
  WHERE placed.account_id = (SELECT hub.current_account('salesforce'))
    AND placed.deleted_at IS NULL
    AND (placed.placed_at, placed.id) < (%(after)s::timestamptz, %(after_id)s::uuid)
  ORDER BY placed.placed_at DESC, placed.id DESC
  LIMIT %(rows)s::int)
UNION ALL
(SELECT json_build_object({orders/submitted_fields}), submitted.accepted_at, submitted.id
   FROM {command.commands} submitted
  WHERE submitted.account_id = (SELECT hub.current_account('salesforce'))
    AND submitted.kind = 'place_order'
    AND (submitted.accepted_at, submitted.id) < (%(after)s::timestamptz, %(after_id)s::uuid)
    AND NOT EXISTS (SELECT FROM {hub.orders} known WHERE known.command_id = submitted.id)
  ORDER BY submitted.accepted_at DESC, submitted.id DESC
  LIMIT %(rows)s::int)
ORDER BY at DESC, id DESC
LIMIT %(rows)s::int
