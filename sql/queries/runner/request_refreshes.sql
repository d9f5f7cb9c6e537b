-- Request a refresh of records: one row each while a request waits; wakes the worker. Nothing is returned.
WITH requested AS (
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id, parent_id)
    SELECT 'hub', w.dataset || CASE WHEN w.record IS NULL THEN ':of:' || w.owner ELSE ':' || w.record END, 'record',
           w.dataset, w.record, w.owner
      FROM unnest(%(datasets)s::text[], %(records)s::text[], %(owners)s::text[]) AS w (dataset, record, owner)
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
    RETURNING 1
)
SELECT pg_notify('hub_inbox', 'hub') FROM (SELECT count(*) FROM requested) counted
