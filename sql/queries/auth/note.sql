-- Adds an entry to the audit.
SELECT auth.note(%(actor)s::text, NULL, %(action)s::text, %(record)s::text, %(address)s::text, %(details)s::jsonb)
