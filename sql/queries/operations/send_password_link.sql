-- Sends a person a link that sets their password.
SELECT auth.send_password_link(%(user)s, %(template)s, %(token_hash)s, %(token)s, %(hours)s)
