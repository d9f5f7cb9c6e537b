-- One customer who may order: linked in both systems, active, with an address and a payment method; the same each time.
SELECT customer.id
  FROM hub.customers customer
 WHERE customer.deleted_at IS NULL AND customer.status = 'active'
   AND customer.salesforce_account_id IS NOT NULL
   AND customer.address1 <> '' AND customer.city <> ''
   AND EXISTS (SELECT FROM hub.payment_methods method
                WHERE method.account_id = customer.whmcs_account_id AND method.deleted_at IS NULL)
 ORDER BY customer.account_number NULLS LAST, customer.id
 LIMIT 1
