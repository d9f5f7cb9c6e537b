-- Names the role in which a person acts for the customer in this transaction: what it may not do is refused (command.may).
SELECT set_config('hub.role', %(role)s, true)
