-- Invoices that charge one subscription, newest first: JSON, and the key that the next page starts after. First a row
-- that says that the subscription is the customer's, without which there is no such subscription; its JSON says how many
-- invoices may be missing, because their items are not read yet. A refresh of these is requested.
(SELECT sync.request_items_refresh(NULL, %(limits)s::jsonb)::text, NULL::date, NULL::uuid
   FROM hub.subscriptions subscription
  WHERE subscription.id = %(id)s::uuid
    AND subscription.account_id = (SELECT hub.current_account('whmcs'))
    AND subscription.deleted_at IS NULL)
UNION ALL
(SELECT concat('{', {billing/invoice_fields}, '}'), invoice.issued_on, invoice.id
   FROM hub.invoices invoice
  WHERE invoice.account_id = (SELECT hub.current_account('whmcs'))
    AND invoice.deleted_at IS NULL
    AND invoice.id = ANY (ARRAY(SELECT item.invoice_id
                                  FROM hub.invoice_items item
                                 WHERE item.subscription_id = %(id)s::uuid
                                   AND item.account_id = (SELECT hub.current_account('whmcs'))
                                   AND item.deleted_at IS NULL))
    AND (invoice.issued_on, invoice.id) < (%(after)s::date, %(after_id)s::uuid)
  ORDER BY invoice.issued_on DESC, invoice.id DESC
  LIMIT %(rows)s::int)
