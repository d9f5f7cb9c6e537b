-- Adds what an operator did to the audit.
SELECT auth.note(%(actor)s, NULL, %(action)s, %(record)s, NULL, %(details)s::jsonb)
