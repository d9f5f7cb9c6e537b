-- One invoice of the customer with its items and payments: one JSON object, or no row. Both lists are empty until
-- itemsAsOf says when they were read.
SELECT concat('{',
           {billing/invoice_fields},
           ',"items":', (SELECT coalesce(json_agg(json_build_object(
                                    'id', item.id,
                                    'type', item.type,
                                    'description', item.description,
                                    'amount', json_build_object('value', trim_scale(item.amount), 'currency', item.currency),
                                    'isTaxed', item.is_taxed,
                                    'subscriptionId', item.subscription_id)
                                    ORDER BY length(item.source_id), item.source_id), '[]')
                           FROM {hub.invoice_items} item
                          WHERE item.invoice_id = invoice.id AND item.deleted_at IS NULL),
           ',"payments":', (SELECT coalesce(json_agg(json_build_object(
                                       'id', payment.id,
                                       'kind', payment.kind,
                                       'paidAt', payment.paid_at,
                                       'amount', json_build_object(
                                           'value', trim_scale(CASE payment.kind WHEN 'refund' THEN payment.amount_out
                                                                                 ELSE payment.amount_in END),
                                           'currency', payment.currency),
                                       'gateway', payment.gateway,
                                       'description', payment.description,
                                       'refundOf', payment.refund_of) ORDER BY payment.paid_at, payment.id), '[]')
                              FROM {hub.payments} payment
                             WHERE payment.invoice_id = invoice.id AND payment.deleted_at IS NULL),
           '}')
  FROM {hub.invoices} invoice
 WHERE invoice.id = %(id)s::uuid
   AND invoice.account_id = (SELECT hub.current_account('whmcs'))
   AND invoice.deleted_at IS NULL
