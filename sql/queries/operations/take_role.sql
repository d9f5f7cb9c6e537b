-- A person acts for a customer no more. What they were given for it is called back by a trigger (auth.watch_memberships).
DELETE FROM auth.memberships WHERE user_id = %(user)s AND customer_id = %(customer)s
