-- What the network answered of a number is no line's that may not have it, or has another by now: it leaves the stage. Of the
-- latter a refresh is requested, by its new number. Nothing is returned.
WITH withheld AS (
    DELETE FROM pg_temp.stage_sims answer USING hub.sims line
     WHERE line.id = answer.id AND (line.number_claim = 'disputed' OR line.msisdn IS DISTINCT FROM answer.msisdn)
    RETURNING line.source_id, line.number_claim
)
INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
SELECT DISTINCT 'hub', 'line:' || source_id, 'record', 'line', source_id FROM withheld WHERE number_claim <> 'disputed'
ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
   SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL
