-- Request a refresh of all that is known of a customer (any id it was ever known by); wakes the worker.
-- One row per request: its id in the inbox. None: no such customer.
WITH customer AS (
    SELECT customer_id FROM hub.customer_accounts WHERE id = %(customer)s
), accounts AS (
    SELECT a.source, a.source_id FROM hub.customer_accounts a JOIN customer ON customer.customer_id = a.customer_id
     WHERE a.deleted_at IS NULL
), requested AS (
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id, parent_id)
    SELECT 'hub', w.dataset || ':of:' || a.source_id, 'record', w.dataset,
           CASE WHEN w.is_account THEN a.source_id END, CASE WHEN NOT w.is_account THEN a.source_id END
      FROM accounts a
      JOIN (VALUES ('salesforce', 'salesforce.accounts', true), ('salesforce', 'salesforce.orders', false),
                   ('salesforce', 'salesforce.order_items', false), ('salesforce', 'salesforce.cases', false),
                   ('salesforce', 'salesforce.case_comments', false),
                   ('whmcs', 'whmcs.clients', true), ('whmcs', 'whmcs.client_details', true),
                   ('whmcs', 'whmcs.services', false), ('whmcs', 'whmcs.invoices', false),
                   ('whmcs', 'whmcs.payment_methods', true), ('whmcs', 'whmcs.invoice_details', false),
                   ('whmcs', 'freebit.line_details', false), ('whmcs', 'freebit.line_usage', false))
           AS w (system, dataset, is_account) ON w.system = a.source
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
    RETURNING i.id
), notified AS (
    SELECT pg_notify('hub_inbox', 'hub') FROM (SELECT count(*) FROM requested) counted
)
SELECT requested.id FROM requested, notified
