-- The price-book entries of the portal for these SKUs in the customer's currency (in any while that is not known), and the
-- customer's currency and address on file: one row.
SELECT (SELECT json_object_agg(product.sku, json_build_object('entry', price.source_id, 'amount', price.amount, 'currency', price.currency,
                   'pricebook', price.pricebook_id, 'cycle', product.source_billing_cycle,
                   'class', product.item_class, 'tier', product.internet_plan_tier, 'region', product.vpn_region,
                   'name', product.name))
          FROM hub.products product
          JOIN hub.prices price ON price.product_id = product.id AND price.in_portal AND price.is_active
                               AND price.deleted_at IS NULL
                               AND price.currency = coalesce(billing.currency, price.currency)
         WHERE product.sku = ANY(%(skus)s) AND product.deleted_at IS NULL) AS entries,
       billing.currency, billing.address1, billing.address2, billing.city, billing.state, billing.postcode, billing.country
  FROM hub.customer_accounts ordering
  LEFT JOIN hub.customer_accounts billing
         ON billing.customer_id = ordering.customer_id AND billing.source = 'whmcs' AND billing.deleted_at IS NULL
 WHERE ordering.id = %(account_id)s
