-- Store events and the position after them, in one go; an event sent twice is one row; wakes the worker.
-- `events`: a JSON array of objects with event_id, kind, entity, record_id, payload and occurred_at (milliseconds).
WITH stored AS (
    INSERT INTO sync.inbox (source, event_id, kind, entity, record_id, payload, occurred_at)
    SELECT 'salesforce', e.event_id, e.kind, e.entity, e.record_id, e.payload,
           to_timestamp(e.occurred_at / 1000.0)
      FROM jsonb_to_recordset(%(events)s::jsonb)
           AS e (event_id text, kind text, entity text, record_id text, payload jsonb, occurred_at float8)
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO NOTHING
    RETURNING 1
), moved AS (
    INSERT INTO sync.streams AS s (topic, replay_id, state, event_at)
    VALUES (%(topic)s, %(replay_id)s, %(state)s, CASE WHEN (SELECT count(*) FROM stored) > 0 THEN now() END)
    ON CONFLICT (topic) DO UPDATE
       SET replay_id = coalesce(excluded.replay_id, s.replay_id), updated_at = now(), state = excluded.state, error = NULL,
           event_at = coalesce(excluded.event_at, s.event_at)
)
SELECT pg_notify('hub_inbox', 'salesforce') FROM (SELECT count(*) AS rows FROM stored) counted WHERE rows > 0
