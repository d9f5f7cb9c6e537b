-- Whether the account that a command changes is still of the customer that asked, or nobody asked (the hub's own): one row.
-- Accounts change hands, and are deleted, between the asking and the doing.
SELECT command.customer_id IS NULL
       OR EXISTS (SELECT FROM hub.customer_accounts asked
                    JOIN hub.customer_accounts account ON account.customer_id = asked.customer_id
                   WHERE asked.id = command.customer_id AND account.id = command.account_id
                     AND asked.deleted_at IS NULL AND account.deleted_at IS NULL) AS is_theirs
  FROM command.commands command
 WHERE command.id = %(id)s
