-- Keeps a person out until then, or lets them in again.
UPDATE auth.users SET locked_until = %(until)s::timestamptz, lock_reason = %(reason)s WHERE id = %(user)s
