-- One order of the customer with its items, by its own id or that of the command that placed it: one JSON object, or no
-- row. As long as it is only a command it has no items in the hub.
SELECT json_build_object(
           {orders/order_fields},
           'items', (SELECT coalesce(json_agg(json_build_object(
                                'id', item.id,
                                'sku', item.sku,
                                'productName', item.product_name,
                                'productId', item.product_id,
                                'quantity', trim_scale(item.quantity),
                                'unitPrice', CASE WHEN item.unit_price IS NOT NULL THEN
                                    json_build_object('value', trim_scale(item.unit_price), 'currency', item.currency) END,
                                'total', CASE WHEN item.total IS NOT NULL THEN
                                    json_build_object('value', trim_scale(item.total), 'currency', item.currency) END,
                                'billingCycle', item.billing_cycle,
                                'subscriptionId', item.subscription_id) ORDER BY item.source_id), '[]')
                       FROM {hub.order_items} item
                      WHERE item.order_id = placed.id AND item.deleted_at IS NULL))
  FROM {hub.orders} placed
 WHERE placed.id = coalesce((SELECT known.id FROM {hub.orders} known WHERE known.command_id = %(id)s::uuid),
                            %(id)s::uuid)
   AND placed.account_id = (SELECT hub.current_account('salesforce'))
   AND placed.deleted_at IS NULL
UNION ALL
SELECT json_build_object({orders/submitted_fields}, 'items', '[]'::json)
  FROM {command.commands} submitted
 WHERE submitted.id = %(id)s::uuid AND submitted.kind = 'place_order'
   AND submitted.account_id = (SELECT hub.current_account('salesforce'))
   AND NOT EXISTS (SELECT FROM {hub.orders} known WHERE known.command_id = submitted.id)
