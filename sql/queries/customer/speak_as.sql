-- Names the role in which a person acts for the customer in this transaction, and whether they proved who they are just now:
-- what that does not allow is refused (command.may, command.needs_fresh).
SELECT set_config('hub.role', %(role)s, true), set_config('hub.fresh', %(fresh)s, true)
