-- Whether what a system told us is new; it is stored once, however often it is told.
SELECT sync.receive_hint(
    %(source)s, %(event_id)s, %(entity)s, %(record_id)s, %(parent_id)s, to_timestamp(%(occurred_at)s::bigint),
    %(payload)s::jsonb)
