-- The links between two systems' accounts that were made, moved or ended, newest first.
SELECT change.changed_at, account.source || ':' || account.source_id AS account, change.former_customer_id,
       change.customer_id, change.said_by,
       CASE WHEN change.said_by IS NULL THEN 'ended' WHEN change.former_customer_id = change.account_id THEN 'made'
            ELSE 'moved' END AS what
  FROM sync.link_changes change
  JOIN hub.customer_accounts account ON account.id = change.account_id
 ORDER BY change.seq DESC
 LIMIT %(limit)s
