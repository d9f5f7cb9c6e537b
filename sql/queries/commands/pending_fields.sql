-- Part of other questions: the keys and values of a command that is on its way, for json_build_object.
'commandId', pending.id,
'kind', pending.kind,
'status', CASE pending.status WHEN 'dead' THEN 'needs_attention' ELSE pending.status END,
'waitsFor', pending.waits_for,
'acceptedAt', pending.accepted_at
