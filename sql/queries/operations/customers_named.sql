-- Customers whose name contains %(name)s, with how many invoices and SIM lines each has, by account number:
-- unless %(everyone)s, only those linked in Salesforce and WHMCS. At most %(limit)s.
SELECT customer.id, customer.account_number, customer.name, customer.status,
       (SELECT count(*) FROM hub.invoices invoice
         WHERE invoice.account_id = customer.whmcs_account_id AND invoice.deleted_at IS NULL) AS invoices,
       (SELECT count(*) FROM hub.sims sim
         WHERE sim.account_id = customer.whmcs_account_id AND sim.deleted_at IS NULL) AS sims
  FROM hub.customers customer
 WHERE customer.deleted_at IS NULL
   AND (%(everyone)s OR (customer.salesforce_account_id IS NOT NULL AND customer.whmcs_account_id IS NOT NULL))
   AND strpos(lower(customer.name), lower(%(name)s)) > 0
 ORDER BY customer.account_number NULLS LAST, customer.id
 LIMIT %(limit)s
