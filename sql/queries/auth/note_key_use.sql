-- Add to the audit that a service key was shown, once an hour for each place: whether it was added.
SELECT noted FROM auth.note_key_use(%(key)s::uuid, %(place)s::text, %(address)s::text)
