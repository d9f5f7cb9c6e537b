-- Add to the audit what is looked at by a view: whether the view is good.
SELECT noted FROM auth.note_view(%(view)s::uuid, %(method)s::text, %(path)s::text, %(address)s::text)
