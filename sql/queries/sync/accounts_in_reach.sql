-- The accounts to judge again when `touched` ones changed, one row each: id, and hops away (0 to 3).
-- A hop goes along a claim, in either direction, or to the other account of the same customer. Who is up to two hops
-- away may change hands; the third hop is read only to know whether those two have other suitors.
WITH RECURSIVE reach (id, hops) AS (
    SELECT unnest(%(touched)s::uuid[]), 0
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
      ) neighbour
     WHERE reach.hops < 3
)
SELECT id, min(hops) FROM reach GROUP BY id
