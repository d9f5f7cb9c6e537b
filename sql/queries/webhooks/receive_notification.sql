-- Whether a system's notification is new; it is stored once, however often it is sent.
SELECT sync.receive_notification(
    %(source)s, %(event_id)s, %(entity)s, %(record_id)s, %(parent_id)s, to_timestamp(%(occurred_at)s::bigint),
    %(payload)s::jsonb)
