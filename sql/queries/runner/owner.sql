-- Whether the account that a command changes is still of the customer that sent it, or no customer did (the hub's own, and
-- those of people who sign up): one row.
-- Accounts change hands, and are deleted, while a command waits.
SELECT command.customer_id IS NULL OR command.kind IN ('sign_up', 'link_whmcs')
       OR EXISTS (SELECT FROM hub.customer_accounts sender
                    JOIN hub.customer_accounts account ON account.customer_id = sender.customer_id
                   WHERE sender.id = command.customer_id AND account.id = command.account_id
                     AND sender.deleted_at IS NULL AND account.deleted_at IS NULL) AS is_theirs
  FROM command.commands command
 WHERE command.id = %(id)s
