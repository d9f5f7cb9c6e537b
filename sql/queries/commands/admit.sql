-- May the customer do this now? The limit that is reached (null: admitted, and counted), and seconds to wait.
SELECT refused_by, retry_after FROM command.admit(%(admission)s::uuid, %(kind)s::text, %(limits)s::jsonb)
