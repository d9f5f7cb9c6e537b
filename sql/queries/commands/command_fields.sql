-- Part of other questions: a command's keys and values, for json_build_object.
'id', command.id,
'kind', command.kind,
'status', CASE command.status WHEN 'dead' THEN 'needs_attention' ELSE command.status END,
'waitsFor', command.waits_for,
'failure', CASE WHEN command.status IN ('failed', 'dead') THEN
    json_build_object('code', command.failure_code, 'reason', command.failure_reason) END,
'subject', json_build_object('kind', command.subject_kind, 'id', command.subject_id),
'result', command.result,
'acceptedAt', command.accepted_at,
'finishedAt', command.finished_at
