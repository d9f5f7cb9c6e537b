-- What decides whether the customer may place an order, and the command that its key already stands for: one row.
SELECT json_build_object(
           'has_crm_account', (SELECT hub.current_account('salesforce')) IS NOT NULL,
           'has_billing_account', (SELECT hub.current_account('whmcs')) IS NOT NULL,
           'status', customer.status,
           'payment_methods', (SELECT count(*) FROM hub.payment_methods method
                                WHERE method.account_id = (SELECT hub.current_account('whmcs'))
                                  AND method.deleted_at IS NULL),
           'has_address', coalesce(customer.address1, '') <> '' AND coalesce(customer.city, '') <> '',
           'address', json_build_object(
                          'street', concat_ws(E'\n', nullif(customer.address1, ''), nullif(customer.address2, '')),
                          'city', customer.city, 'state', customer.state, 'postcode', customer.postcode),
           'identity_status', customer.identity_status,
           'eligibility_status', customer.internet_eligibility_status,
           'eligibility', customer.internet_eligibility,
           'has_internet', EXISTS (SELECT FROM hub.subscriptions had
                                    WHERE had.account_id = (SELECT hub.current_account('whmcs'))
                                      AND had.service_type = 'internet' AND had.status = 'active'
                                      AND had.deleted_at IS NULL),
           'has_sim', EXISTS (SELECT FROM hub.subscriptions had
                               WHERE had.account_id = (SELECT hub.current_account('whmcs'))
                                 AND had.service_type = 'sim' AND had.status = 'active' AND had.deleted_at IS NULL),
           'products', (SELECT coalesce(json_object_agg(product.sku, json_build_object(
                                   'category', product.category,
                                   'item_class', product.item_class,
                                   'is_orderable', product.is_orderable AND product.is_active,
                                   'has_price', EXISTS (SELECT FROM hub.prices price
                                                         WHERE price.product_id = product.id AND price.in_portal
                                                           AND price.is_active AND price.deleted_at IS NULL
                                                           AND price.currency = coalesce({billing/currency}, price.currency)),
                                   'has_plan', product.category <> 'sim' OR product.item_class <> 'service'
                                               OR (product.sim_data_size <> '' OR product.sim_plan_type = 'VoiceOnly') IS TRUE,
                                   'is_mapped', product.whmcs_product_id IS NOT NULL,
                                   'offering', product.internet_offering_type,
                                   'for_families', product.sim_has_family_discount,
                                   'is_data_only', coalesce(product.sim_plan_type = 'DataOnly', false),
                                   'required', product.required_skus,
                                   'exclusive', product.exclusive_skus)), '{}')
                          FROM hub.products product
                         WHERE product.deleted_at IS NULL
                           AND product.sku IN (SELECT line ->> 'sku'
                                                 FROM jsonb_array_elements(%(input)s::jsonb -> 'items') line))),
       {commands/earlier}
  FROM hub.customers customer
