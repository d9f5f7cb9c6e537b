-- Apply again what arrived since a moment, what is parked or put off included; one row: how many.
WITH again AS (
    UPDATE sync.inbox SET state = 'waiting', due_at = clock_timestamp(), attempts = 0, error = NULL
     WHERE received_at >= %(since)s AND (state <> 'waiting' OR due_at > clock_timestamp())
    RETURNING id
), notified AS (
    SELECT pg_notify('hub_inbox', 'hub') FROM (SELECT count(*) FROM again) counted
)
SELECT count(*) FROM again, notified
