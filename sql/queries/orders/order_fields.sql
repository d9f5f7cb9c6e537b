-- Part of other questions: an order's keys and values, for json_build_object. An order that the hub placed goes by the id
-- that the customer was given for it.
'id', coalesce(placed.command_id, placed.id),
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
'accessMode', placed.access_mode,
'failure', CASE WHEN placed.activation_status = 'failed' THEN
    json_build_object('code', placed.activation_error_code, 'reason', placed.activation_error_message) END,
'pending', (SELECT coalesce(json_agg(json_build_object({commands/pending_fields}) ORDER BY pending.seq), '[]')
              FROM {command.commands} pending
             WHERE pending.subject_id IN (placed.id, placed.command_id)
               AND pending.status IN ('accepted', 'running', 'waiting', 'dead'))
