-- Judge which customer each account in `scope` belongs to; write what differs, with its change log and its audit, and show
-- operators which claims were not followed, and why. One row per account that changed hands or is newly shown: which,
-- the customer it belonged to before and now, its status before and now, and why it is shown (null: it is not).
--
-- Two accounts are linked when the CRM's account names the billing client. What the client says (`partner_key` of a WHMCS
-- row) customers can write, so it neither makes a link nor breaks one: it decides only between accounts that the CRM both
-- gave to one client, and keeps a link from being begun that it contradicts. An operator's word outweighs all of it.
WITH known AS (
    SELECT id, source, source_id, account_number, partner_key, customer_id, details_as_of IS NOT NULL AS has_details
      FROM hub.customer_accounts
     WHERE id = ANY(%(reach)s) AND deleted_at IS NULL
), words AS (
    SELECT s.id AS crm, w.id AS billing, word.is_linked
      FROM sync.link_words word
      JOIN known s ON s.source = 'salesforce' AND s.source_id = word.salesforce_id
      JOIN known w ON w.source = 'whmcs' AND w.source_id = word.whmcs_id
     WHERE word.ended_at IS NULL
), pairs AS (
    SELECT crm, billing, 3 AS weight, false AS is_waiting FROM words WHERE is_linked
    UNION ALL
    SELECT s.id, w.id,
           CASE WHEN w.partner_key = s.account_number THEN 2
                WHEN w.has_details AND (w.partner_key IS NULL OR w.customer_id = s.customer_id) THEN 1
                ELSE 0 END,
           NOT w.has_details
      FROM known s JOIN known w ON s.source = 'salesforce' AND w.source = 'whmcs' AND w.source_id = s.partner_key
     WHERE NOT EXISTS (SELECT FROM words o
                        WHERE (o.crm, o.billing) = (s.id, w.id) OR (o.is_linked AND (o.crm = s.id OR o.billing = w.id)))
), unions AS (
    SELECT p.crm, p.billing, p.weight FROM pairs p
     WHERE p.weight > 0
       AND NOT EXISTS (SELECT FROM pairs rival
                        WHERE (rival.crm = p.crm) <> (rival.billing = p.billing) AND rival.weight >= p.weight)
), members AS (
    SELECT crm AS id, crm AS customer_id, weight FROM unions UNION ALL SELECT billing, crm, weight FROM unions
), claimed AS (
    SELECT id, bool_or(is_waiting) AS is_waiting
      FROM (SELECT crm AS id, is_waiting FROM pairs UNION ALL SELECT billing, is_waiting FROM pairs) either
     GROUP BY id
), verdicts AS (
    SELECT a.id, a.source, a.source_id, a.account_number, a.partner_key, a.customer_id AS former,
           a.link_status AS former_status, coalesce(m.customer_id, a.id) AS customer_id,
           CASE WHEN m.id IS NOT NULL THEN 'linked' WHEN NOT c.is_waiting THEN 'conflict' ELSE 'unlinked' END AS link_status,
           CASE m.weight WHEN 3 THEN 'operator' WHEN 2 THEN 'both' WHEN 1 THEN 'crm' END AS said_by,
           CASE WHEN m.id IS NULL AND NOT c.is_waiting THEN %(conflict)s
                WHEN a.source <> 'whmcs' OR m.weight = 3 OR a.partner_key IS NULL OR a.deleted_at IS NOT NULL THEN NULL
                WHEN m.id IS NOT NULL THEN
                    CASE WHEN a.partner_key IS DISTINCT FROM (SELECT s.account_number FROM known s WHERE s.id = m.customer_id)
                         THEN %(outvoted)s END
                WHEN EXISTS (SELECT FROM known s WHERE s.source = 'salesforce' AND s.account_number = a.partner_key
                                AND s.partner_key IS DISTINCT FROM a.source_id
                                AND NOT EXISTS (SELECT FROM words w WHERE (w.crm, w.billing) = (s.id, a.id)))
                THEN %(one_sided)s END::text AS complaint
      FROM hub.customer_accounts a
      LEFT JOIN members m ON m.id = a.id
      LEFT JOIN claimed c ON c.id = a.id
     WHERE a.id = ANY(%(scope)s)
), moved AS (
    UPDATE hub.customer_accounts a
       SET customer_id = v.customer_id, link_status = v.link_status, changed_at = now()
      FROM verdicts v
     WHERE a.id = v.id AND (v.customer_id, v.link_status) IS DISTINCT FROM (v.former, v.former_status)
    RETURNING a.id, v.former, v.former_status, v.customer_id, v.link_status, v.said_by
), logged AS (
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)
    SELECT 'customer_accounts', id, id, 'update',
           jsonb_build_object('customer_id', former, 'link_status', former_status),
           jsonb_build_object('customer_id', customer_id, 'link_status', link_status), %(run_id)s
      FROM moved
), audited AS (
    INSERT INTO sync.link_changes (account_id, former_customer_id, customer_id, said_by, run_id)
    SELECT id, former, customer_id, said_by, %(run_id)s FROM moved WHERE former <> customer_id ORDER BY id
), shown AS (
    INSERT INTO sync.quarantine AS q (dataset, source_id, payload, reason, mapper_version)
    SELECT 'customer.links', source || ':' || source_id,
           jsonb_build_object('account_number', account_number, 'partner_key', partner_key), complaint, '2'
      FROM verdicts
     WHERE complaint IS NOT NULL
    ON CONFLICT (dataset, source_id) DO UPDATE
       SET payload = excluded.payload, reason = excluded.reason, mapper_version = excluded.mapper_version,
           last_seen_at = now(), times_seen = q.times_seen + 1, resolved_at = NULL
     WHERE (q.payload, q.reason) IS DISTINCT FROM (excluded.payload, excluded.reason) OR q.resolved_at IS NOT NULL
    RETURNING q.source_id
), settled AS (
    UPDATE sync.quarantine q SET resolved_at = now()
      FROM verdicts v
     WHERE v.complaint IS NULL AND q.dataset = 'customer.links' AND q.source_id = v.source || ':' || v.source_id
       AND q.resolved_at IS NULL
)
SELECT v.source, v.source_id, v.former, v.customer_id, v.former_status, v.link_status,
       CASE WHEN shown.source_id IS NOT NULL THEN v.complaint END AS complaint
  FROM verdicts v
  LEFT JOIN moved ON moved.id = v.id
  LEFT JOIN shown ON shown.source_id = v.source || ':' || v.source_id
 WHERE moved.id IS NOT NULL OR shown.source_id IS NOT NULL
