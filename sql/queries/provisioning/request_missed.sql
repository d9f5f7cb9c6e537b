-- Approved orders that wait to be provisioned and of which no event came, as where a position on the channel was lost.
WITH missed AS (
    SELECT o.id, o.source_id, o.account_id, 'provision:' || o.source_id || ':seen:' || o.source_updated_at AS key
      FROM hub.orders o
     WHERE o.status = 'approved' AND o.activation_status = 'activating' AND o.whmcs_order_id IS NULL
       AND o.deleted_at IS NULL AND o.changed_at < clock_timestamp() - %(patience)s * interval '1 second'
       AND NOT EXISTS (SELECT 1 FROM command.commands c
                        WHERE c.subject_id = o.id AND c.kind = %(kind)s::text
                          AND (c.status IN ('accepted', 'running', 'waiting', 'dead')
                               OR c.accepted_at >= o.source_updated_at))
), stored AS (
    INSERT INTO command.commands (id, kind, account_id, subject_kind, subject_id, lane, idempotency_key, request_hash,
                                  input, request_id, deadline_at)
    SELECT gen_random_uuid(), %(kind)s::text, account_id, %(subject)s::text, id, %(subject)s::text || ':' || id, key, md5(key),
           jsonb_build_object('order', source_id), 'seen-' || source_id, now() + %(deadline)s::interval
      FROM missed
    ON CONFLICT (customer_id, idempotency_key) DO NOTHING
    RETURNING id
)
SELECT count(*), (SELECT pg_notify('hub_commands', %(kind)s::text)) FROM stored HAVING count(*) > 0
