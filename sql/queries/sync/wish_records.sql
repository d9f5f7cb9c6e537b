-- Wish for records of a data set to be read again, once while a wish is waiting; wakes the worker; nothing is returned.
WITH wished AS (
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
    SELECT 'hub', %(dataset)s || ':' || wanted.id, 'record', %(dataset)s, wanted.id
      FROM unnest(%(source_ids)s::text[]) wanted (id)
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
    RETURNING 1
)
SELECT pg_notify('hub_inbox', 'hub') FROM (SELECT count(*) FROM wished) counted
