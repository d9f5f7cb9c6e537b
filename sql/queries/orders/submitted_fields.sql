-- Part of other questions: the keys and values of an order that is still only a command, for json_build_object.
'id', asked.id,
'orderNumber', NULL,
'type', asked.input ->> 'type',
'status', CASE WHEN asked.status IN ('failed', 'cancelled') THEN asked.status ELSE 'submitted' END,
'activationStatus', NULL,
'activationScheduledAt', NULL,
'effectiveDate', asked.input ->> 'activateOn',
'placedAt', asked.accepted_at,
'total', NULL,
'simType', asked.input #>> '{sim,simType}',
'accessMode', asked.input ->> 'accessMode',
'failure', CASE WHEN asked.status = 'failed' THEN
    json_build_object('code', asked.failure_code, 'reason', asked.failure_reason) END,
'pending', CASE WHEN asked.finished_at IS NULL THEN json_build_array(json_build_object(
    'commandId', asked.id, 'kind', asked.kind,
    'status', CASE asked.status WHEN 'dead' THEN 'needs_attention' ELSE asked.status END,
    'waitsFor', asked.waits_for, 'acceptedAt', asked.accepted_at)) ELSE '[]' END
