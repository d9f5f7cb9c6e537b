-- Products shown in the portal with their portal prices, in display order: JSON, and the key that the next page starts
-- after. The catalogue is small, so it is sorted as it is read.
SELECT json_build_object(
           'id', product.id,
           'sku', product.sku,
           'name', product.name,
           'description', product.description,
           'category', product.category,
           'itemClass', product.item_class,
           'billingCycle', product.billing_cycle,
           'isOrderable', product.is_orderable,
           'displayOrder', product.display_order,
           'prices', (SELECT coalesce(json_agg(json_build_object('value', trim_scale(price.amount), 'currency', price.currency)
                                               ORDER BY price.currency, price.id), '[]')
                        FROM hub.prices price
                       WHERE price.product_id = product.id AND price.in_portal AND price.is_active
                         AND price.deleted_at IS NULL),
           'internetPlanTier', product.internet_plan_tier,
           'internetOfferingType', product.internet_offering_type,
           'simDataSize', product.sim_data_size,
           'simPlanType', product.sim_plan_type,
           'simHasFamilyDiscount', product.sim_has_family_discount,
           'vpnRegion', product.vpn_region,
           'isDefault', product.is_default,
           'autoAdd', product.auto_add,
           'isBundledAddon', product.is_bundled_addon,
           'bundledAddonId', product.bundled_addon_id,
           'requiredSkus', product.required_skus,
           'dependentSkus', product.dependent_skus,
           'exclusiveSkus', product.exclusive_skus),
       coalesce(product.display_order, 2147483647), product.id
  FROM hub.products product
 WHERE product.in_catalog AND product.is_active AND product.deleted_at IS NULL
   AND (%(category)s::text IS NULL OR product.category = %(category)s::text)
   AND (coalesce(product.display_order, 2147483647), product.id) > (%(after)s::bigint, %(after_id)s::uuid)
 ORDER BY coalesce(product.display_order, 2147483647), product.id
 LIMIT %(rows)s::int
