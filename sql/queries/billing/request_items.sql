-- When the items of the customer's invoice were read (seconds since 1970; null: not yet), and whether a refresh of them is
-- requested. No row: no such invoice.
SELECT extract(epoch FROM invoice.items_as_of),
       CASE WHEN invoice.items_as_of IS NULL THEN sync.request_items_refresh(invoice.id, %(limits)s::jsonb) > 0 ELSE false END
  FROM hub.invoices invoice
 WHERE invoice.id = %(id)s::uuid
   AND invoice.account_id = (SELECT hub.current_account('whmcs'))
   AND invoice.deleted_at IS NULL
