-- The system answers: everybody may call, unless it asked for patience meanwhile; nothing is returned. An answer to a call
-- that was on its way then says nothing of that.
UPDATE sync.sources
   SET circuit = 'closed', failures = 0, failing = '{}', opened_at = NULL, answered_at = clock_timestamp(),
       retry_at = CASE WHEN circuit = 'closed' AND retry_at > clock_timestamp() THEN retry_at END,
       reason = CASE WHEN circuit = 'closed' AND retry_at > clock_timestamp() THEN reason END
 WHERE system = %(system)s
