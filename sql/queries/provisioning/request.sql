-- An approved order asks to be provisioned: once per key, however often it is received. One row: the order is known.
WITH placed AS (
    SELECT id, source_id, account_id FROM hub.orders WHERE source = 'salesforce' AND source_id = %(order)s
), stored AS (
    INSERT INTO command.commands (id, kind, account_id, subject_kind, subject_id, lane, idempotency_key, request_hash,
                                  input, request_id, deadline_at)
    SELECT gen_random_uuid(), %(kind)s::text, account_id, %(subject)s::text, id, %(subject)s::text || ':' || id, %(key)s, md5(%(key)s),
           jsonb_build_object('order', source_id, 'event', %(event)s::text), %(request_id)s, now() + %(deadline)s::interval
      FROM placed
    ON CONFLICT (customer_id, idempotency_key) DO NOTHING
    RETURNING id
)
SELECT placed.id, (SELECT pg_notify('hub_commands', %(kind)s::text) FROM stored) FROM placed
