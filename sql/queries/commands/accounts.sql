-- The ids that source systems have for the customer that an account belongs to.
SELECT max(mine.source_id) FILTER (WHERE mine.source = 'salesforce') AS salesforce,
       max(mine.source_id) FILTER (WHERE mine.source = 'whmcs') AS whmcs
  FROM hub.customer_accounts asked
  JOIN hub.customer_accounts mine ON mine.customer_id = asked.customer_id AND mine.deleted_at IS NULL
 WHERE asked.id = %(account_id)s
