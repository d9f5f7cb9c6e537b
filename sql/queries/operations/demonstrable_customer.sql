-- One customer with something to show: known to Salesforce and WHMCS, with invoices and an open SIM line, active if there
-- is such a one; the same each time.
SELECT customer.id
  FROM hub.customers customer
 WHERE customer.deleted_at IS NULL
   AND customer.salesforce_account_id IS NOT NULL
   AND EXISTS (SELECT FROM hub.invoices invoice
                WHERE invoice.account_id = customer.whmcs_account_id AND invoice.deleted_at IS NULL)
   AND EXISTS (SELECT FROM hub.sims sim
                WHERE sim.account_id = customer.whmcs_account_id AND sim.deleted_at IS NULL AND sim.is_open)
 ORDER BY customer.status = 'active' DESC, customer.account_number NULLS LAST, customer.id
 LIMIT 1
