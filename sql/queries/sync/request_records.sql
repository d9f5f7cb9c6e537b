-- Request a refresh of records of a data set: one row each while a request waits; wakes the worker; nothing is returned.
WITH requested AS (
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
    SELECT 'hub', %(dataset)s || ':' || wanted.id, 'record', %(dataset)s, wanted.id
      FROM unnest(%(source_ids)s::text[]) wanted (id)
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
    RETURNING 1
)
SELECT pg_notify('hub_inbox', 'hub') FROM (SELECT count(*) FROM requested) counted
