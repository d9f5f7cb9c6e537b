-- The customer's invoice as WHMCS knows it: client, invoice and whether it can be paid; no row: no such invoice.
SELECT account.source_id, invoice.source_id, invoice.status = 'unpaid'
  FROM hub.invoices invoice
  JOIN hub.customer_accounts account ON account.id = invoice.account_id
 WHERE invoice.id = %(id)s::uuid
   AND invoice.account_id = (SELECT hub.current_account('whmcs'))
   AND invoice.deleted_at IS NULL
