-- Part of other questions: a support case's keys and values, for json_build_object.
'id', opened.id,
'caseNumber', opened.case_number,
'subject', opened.subject,
'status', opened.status,
'priority', opened.priority,
'category', opened.category,
'isClosed', opened.is_closed,
'openedAt', opened.opened_at,
'closedAt', opened.closed_at,
'updatedAt', opened.source_updated_at,
'pending', (SELECT coalesce(json_agg(json_build_object({commands/pending_fields}) ORDER BY pending.seq), '[]')
              FROM command.commands pending
             WHERE pending.subject_id = opened.id AND pending.status IN ('accepted', 'running', 'waiting', 'dead'))
