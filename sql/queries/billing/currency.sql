-- Part of other questions: the currency that the customer is billed in, as its account says, or, until that was read, its
-- newest invoice. WHMCS keeps one for all of a client's services and invoices. Null: neither is known yet.
coalesce((SELECT account.currency
            FROM {hub.customer_accounts} account
           WHERE account.id = (SELECT hub.current_account('whmcs'))),
         (SELECT newest.currency
            FROM {hub.invoices} newest
           WHERE newest.account_id = (SELECT hub.current_account('whmcs'))
             AND newest.deleted_at IS NULL
           ORDER BY newest.issued_on DESC, newest.id DESC
           LIMIT 1))
