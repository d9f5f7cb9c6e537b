-- Lets a person act for a customer in a role, or in another one.
INSERT INTO auth.memberships (user_id, customer_id, role) VALUES (%(user)s, %(customer)s, %(role)s)
ON CONFLICT (user_id, customer_id) DO UPDATE SET role = excluded.role WHERE memberships.role <> excluded.role
