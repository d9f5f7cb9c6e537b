-- What a customer sees first: one JSON object. Amounts due are per currency; what is still to pay is the balance where
-- it is known, else the total.
SELECT json_build_object(
           'unpaidInvoices', due.unpaid,
           'overdueInvoices', due.overdue,
           'amountsDue', due.amounts,
           'nextDueDate', due.next_due_on,
           'activeSubscriptions', (SELECT count(*) FROM hub.subscriptions subscription
                                    WHERE subscription.account_id = (SELECT hub.current_account('whmcs'))
                                      AND subscription.deleted_at IS NULL AND subscription.status = 'active'),
           'openCases', (SELECT count(*) FROM hub.support_cases opened
                          WHERE opened.account_id = (SELECT hub.current_account('salesforce'))
                            AND opened.deleted_at IS NULL AND NOT opened.is_closed),
           'recentOrders', (SELECT coalesce(json_agg(json_build_object({orders/order_fields})
                                                     ORDER BY placed.placed_at DESC, placed.id DESC), '[]')
                              FROM (SELECT newest.*
                                      FROM hub.orders newest
                                     WHERE newest.account_id = (SELECT hub.current_account('salesforce'))
                                       AND newest.deleted_at IS NULL
                                     ORDER BY newest.placed_at DESC, newest.id DESC
                                     LIMIT 5) placed))
  FROM (SELECT coalesce(sum(per_currency.unpaid), 0)::bigint AS unpaid,
               coalesce(sum(per_currency.overdue), 0)::bigint AS overdue,
               min(per_currency.next_due_on) AS next_due_on,
               coalesce(json_agg(json_build_object('value', trim_scale(per_currency.amount),
                                                   'currency', per_currency.currency)
                                 ORDER BY per_currency.currency), '[]') AS amounts
          FROM (SELECT invoice.currency,
                       count(*) AS unpaid,
                       count(*) FILTER (WHERE invoice.due_on < %(today)s::date) AS overdue,
                       min(invoice.due_on) AS next_due_on,
                       sum(coalesce(invoice.balance, invoice.total)) AS amount
                  FROM hub.invoices invoice
                 WHERE invoice.account_id = (SELECT hub.current_account('whmcs'))
                   AND invoice.deleted_at IS NULL AND invoice.status = 'unpaid'
                 GROUP BY invoice.currency) per_currency) due
