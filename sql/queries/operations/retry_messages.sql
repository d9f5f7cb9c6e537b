-- Dead messages, or one of them, are to be tried again; those that carried a code or a link are not, for these are gone.
UPDATE auth.messages
   SET state = 'waiting', attempts = 0, due_at = now(), useful_until = now() + interval '3 days', ended_at = NULL
 WHERE state = 'dead' AND NOT carries_secret AND (%(message)s::uuid IS NULL OR id = %(message)s::uuid)
RETURNING id
