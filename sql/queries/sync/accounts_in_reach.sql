-- The accounts to judge again when `touched` ones changed, one row each: id, and hops away (0 to 3).
-- A hop goes along a claim or an operator's word, in either direction, or to the other account of the same customer. Who
-- is up to two hops away may change hands; the third hop is read only to know whether other accounts claim those two.
-- What a claim named before this transaction changed it is as near as what it names now: the account that it named may have no claim left.
-- The words are worked out once: there are few, and without statistics a plan may join all accounts for each one.
WITH RECURSIVE words AS MATERIALIZED (
    SELECT s.id AS crm, w.id AS billing
      FROM sync.link_words word
      JOIN hub.customer_accounts s ON s.source = 'salesforce' AND s.source_id = word.salesforce_id
      JOIN hub.customer_accounts w ON w.source = 'whmcs' AND w.source_id = word.whmcs_id
     WHERE word.ended_at IS NULL
), reach (id, hops) AS (
    SELECT unnest(%(touched)s::uuid[]), 0
    UNION
    SELECT b.id, 1
      FROM sync.changes was
      JOIN hub.customer_accounts a ON a.id = was.entity_id
      CROSS JOIN LATERAL (
          SELECT id FROM hub.customer_accounts
           WHERE a.source = 'salesforce' AND source = 'whmcs' AND source_id = was.before ->> 'partner_key'
          UNION ALL
          SELECT id FROM hub.customer_accounts
           WHERE a.source = 'salesforce' AND source = 'whmcs' AND partner_key = was.before ->> 'account_number'
      ) b
     -- The log has the transaction's moment, so that only one of its months is looked at.
     WHERE was.xid = pg_current_xact_id() AND was.changed_at = now() AND was.entity = 'customer_accounts'
       AND was.before ?| '{partner_key,account_number}'
    UNION
    SELECT neighbour.id, reach.hops + 1
      FROM reach
      JOIN hub.customer_accounts a ON a.id = reach.id
      CROSS JOIN LATERAL (
          SELECT b.id FROM hub.customer_accounts b WHERE b.customer_id = a.customer_id
          UNION ALL
          SELECT b.id FROM hub.customer_accounts b
           WHERE a.source = 'salesforce' AND b.source = 'whmcs' AND b.source_id = a.partner_key
          UNION ALL
          SELECT b.id FROM hub.customer_accounts b
           WHERE a.source = 'salesforce' AND b.source = 'whmcs' AND b.partner_key = a.account_number
          UNION ALL
          SELECT b.id FROM hub.customer_accounts b
           WHERE a.source = 'whmcs' AND b.source = 'salesforce' AND b.account_number = a.partner_key
          UNION ALL
          SELECT b.id FROM hub.customer_accounts b
           WHERE a.source = 'whmcs' AND b.source = 'salesforce' AND b.partner_key = a.source_id
          UNION ALL
          SELECT CASE a.id WHEN words.crm THEN words.billing ELSE words.crm END FROM words
           WHERE a.id IN (words.crm, words.billing)
      ) neighbour
     WHERE reach.hops < 3
)
SELECT id, min(hops) FROM reach GROUP BY id
