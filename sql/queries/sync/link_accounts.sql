-- Judge which customer each account in `scope` belongs to and write what differs, with its change log.
-- One row per account that changed hands: the customer it belonged to before.
-- Two accounts are linked when each is the other's only suitor, whatever either says of its partner agrees, and the
-- billing side's own claim has been read. Several suitors, or claims that disagree, are a conflict: all stay apart.
WITH known AS (
    SELECT id, source, source_id, account_number, partner_key, details_as_of IS NOT NULL AS has_details
      FROM hub.customer_accounts
     WHERE id = ANY(%(reach)s) AND deleted_at IS NULL
), pairs AS (
    SELECT s.id AS crm, w.id AS billing, w.has_details,
           (s.partner_key IS NULL OR s.partner_key = w.source_id)
           AND (w.partner_key IS NULL OR w.partner_key IS NOT DISTINCT FROM s.account_number) AS agree
      FROM known s JOIN known w
        ON s.source = 'salesforce' AND w.source = 'whmcs'
       AND (s.partner_key = w.source_id OR s.account_number = w.partner_key)
), suitors AS (
    SELECT crm AS id, count(*) AS number FROM pairs GROUP BY crm
    UNION ALL
    SELECT billing, count(*) FROM pairs GROUP BY billing
), unions AS (
    SELECT p.crm, p.billing FROM pairs p
      JOIN suitors c ON c.id = p.crm AND c.number = 1
      JOIN suitors b ON b.id = p.billing AND b.number = 1
     WHERE p.agree AND p.has_details
), waiting AS (
    SELECT p.crm AS id FROM pairs p WHERE NOT p.has_details
    UNION SELECT p.billing FROM pairs p WHERE NOT p.has_details
), verdicts AS (
    SELECT a.id, a.customer_id AS former, a.link_status AS former_status,
           coalesce((SELECT u.crm FROM unions u WHERE a.id IN (u.crm, u.billing)), a.id) AS customer_id,
           CASE WHEN EXISTS (SELECT 1 FROM unions u WHERE a.id IN (u.crm, u.billing)) THEN 'linked'
                WHEN a.id IN (SELECT id FROM waiting) OR a.id NOT IN (SELECT id FROM suitors) THEN 'unlinked'
                ELSE 'conflict' END AS link_status
      FROM hub.customer_accounts a
     WHERE a.id = ANY(%(scope)s)
), moved AS (
    UPDATE hub.customer_accounts a
       SET customer_id = v.customer_id, link_status = v.link_status, changed_at = now()
      FROM verdicts v
     WHERE a.id = v.id AND (v.customer_id, v.link_status) IS DISTINCT FROM (v.former, v.former_status)
    RETURNING a.id, v.former, v.former_status, v.customer_id, v.link_status
), logged AS (
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)
    SELECT 'customer_accounts', id, id, 'update',
           jsonb_build_object('customer_id', former, 'link_status', former_status),
           jsonb_build_object('customer_id', customer_id, 'link_status', link_status), %(run_id)s
      FROM moved
)
SELECT former FROM moved
