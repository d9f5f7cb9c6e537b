-- Whether the customer may submit a document, its account in Salesforce, and the command its key already stands for.
SELECT json_build_object('identity_status', customer.identity_status,
                         'account', (SELECT account.source_id FROM hub.customer_accounts account
                                      WHERE account.id = (SELECT hub.current_account('salesforce')))),
       {commands/earlier}
  FROM hub.customers customer
