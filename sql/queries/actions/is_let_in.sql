-- Whether a sign-up's command let somebody in: auth.let_in gives it to their account then, in one transaction.
SELECT account_id <> subject_id AS is_let_in FROM command.commands WHERE id = %(id)s
