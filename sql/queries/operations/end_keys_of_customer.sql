-- End the service keys that may act for a customer (by any of these ids) and for nobody else; by whom is in the audit.
WITH ended AS (
    UPDATE auth.service_keys k SET revoked_at = clock_timestamp()
     WHERE k.customers <@ %(customers)s::uuid[] AND k.revoked_at IS NULL
    RETURNING k.id
)
SELECT auth.note('operator:' || %(by)s, NULL, 'service_key.revoked', 'key:' || ended.id, NULL, '{"why": "erased"}') FROM ended
