-- Part of other questions: an order's keys and values, for json_build_object.
'id', placed.id,
'orderNumber', placed.order_number,
'type', placed.type,
'status', placed.status,
'activationStatus', placed.activation_status,
'activationScheduledAt', placed.activation_scheduled_at,
'effectiveDate', placed.effective_on,
'placedAt', placed.placed_at,
'total', CASE WHEN placed.total IS NOT NULL
              THEN json_build_object('value', trim_scale(placed.total), 'currency', placed.currency) END,
'simType', placed.sim_type,
'accessMode', placed.access_mode
