-- Part of other questions: the keys and values of an order that is still only a command, for json_build_object.
'id', submitted.id,
'orderNumber', NULL,
'type', submitted.input ->> 'type',
'status', CASE WHEN submitted.status IN ('failed', 'cancelled') THEN submitted.status ELSE 'submitted' END,
'activationStatus', NULL,
'activationScheduledAt', NULL,
'effectiveDate', submitted.input ->> 'activateOn',
'placedAt', submitted.accepted_at,
'total', NULL,
'simType', submitted.input #>> '{sim,simType}',
'accessMode', submitted.input ->> 'accessMode',
'failure', CASE WHEN submitted.status = 'failed' THEN
    json_build_object('code', submitted.failure_code, 'reason', submitted.failure_reason) END,
'pending', CASE WHEN submitted.finished_at IS NULL THEN json_build_array(json_build_object(
    'commandId', submitted.id, 'kind', submitted.kind,
    'status', CASE submitted.status WHEN 'dead' THEN 'needs_attention' ELSE submitted.status END,
    'waitsFor', submitted.waits_for, 'acceptedAt', submitted.accepted_at)) ELSE '[]' END
