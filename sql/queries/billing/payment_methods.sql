-- Stored payment methods of the customer: JSON, and the key that the next page starts after.
SELECT json_build_object(
           'id', method.id,
           'type', method.type,
           'description', method.description,
           'gateway', method.gateway,
           'cardLastFour', method.card_last_four,
           'cardType', method.card_type,
           'expiryDate', method.expires_on,
           'bankName', method.bank_name), method.id
  FROM hub.payment_methods method
 WHERE method.account_id = (SELECT hub.current_account('whmcs'))
   AND method.deleted_at IS NULL
   AND method.id > %(after_id)s::uuid
 ORDER BY method.id
 LIMIT %(rows)s::int
