-- Part of other questions: the keys and values of an order that is still only a command, for json_build_object.
'id', command.id,
'orderNumber', NULL,
'type', command.input ->> 'type',
'status', CASE WHEN command.status IN ('failed', 'cancelled') THEN command.status ELSE 'submitted' END,
'activationStatus', NULL,
'activationScheduledAt', NULL,
'effectiveDate', command.input ->> 'activateOn',
'placedAt', command.accepted_at,
'total', NULL,
'simType', command.input #>> '{sim,simType}',
'accessMode', command.input ->> 'accessMode',
'failure', CASE WHEN command.status = 'failed' THEN
    json_build_object('code', command.failure_code, 'reason', command.failure_reason) END,
'pending', CASE WHEN command.finished_at IS NULL THEN json_build_array(json_build_object(
    'commandId', command.id, 'kind', command.kind,
    'status', CASE command.status WHEN 'dead' THEN 'needs_attention' ELSE command.status END,
    'waitsFor', command.waits_for, 'acceptedAt', command.accepted_at)) ELSE '[]' END
