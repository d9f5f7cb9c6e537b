-- Makes a person a support agent, or one no more.
UPDATE auth.users SET is_agent = %(is_agent)s WHERE id = %(user)s AND is_agent <> %(is_agent)s
