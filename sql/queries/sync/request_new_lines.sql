-- Request a refresh of the SIM lines of these services and these clients that were never read at the network; wakes the
-- worker. Nothing is returned.
WITH requested AS (
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
    SELECT 'hub', 'line:' || line.source_id, 'record', 'line', line.source_id
      FROM hub.sims line
     WHERE (line.id = ANY(%(lines)s) OR line.account_id = ANY(%(accounts)s))
       AND line.details_as_of IS NULL AND line.is_open AND line.msisdn IS NOT NULL AND line.deleted_at IS NULL
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       -- Also one that waits: it may be under way, and have been read before the line was known.
       SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
    RETURNING 1
)
SELECT pg_notify('hub_inbox', 'hub') FROM requested LIMIT 1
