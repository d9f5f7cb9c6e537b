-- Request a refresh of all that is known of a customer (any id it was ever known by): of each of its accounts, the
-- data sets whose records belong to accounts of that system. Wakes the worker.
-- One row per request: its id in the inbox. None: no such customer.
WITH customer AS (
    SELECT customer_id FROM hub.customer_accounts WHERE id = %(customer)s
), accounts AS (
    SELECT a.source, a.source_id FROM hub.customer_accounts a JOIN customer ON customer.customer_id = a.customer_id
     WHERE a.deleted_at IS NULL
), requested AS (
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, parent_id)
    SELECT 'hub', w.dataset || ':of:' || a.source_id, 'record', w.dataset, a.source_id
      FROM accounts a
      JOIN unnest(%(owners)s::text[], %(datasets)s::text[]) AS w (system, dataset) ON w.system = a.source
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
    RETURNING i.id
), notified AS (
    SELECT pg_notify('hub_inbox', 'hub') FROM (SELECT count(*) FROM requested) counted
)
SELECT requested.id FROM requested, notified
