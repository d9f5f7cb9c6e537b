-- Adds a service key: until when it is good.
INSERT INTO auth.service_keys (id, name, key_hash, role, customers, expires_at)
VALUES (%(id)s, %(name)s, %(hash)s, %(role)s, %(customers)s::uuid[], now() + %(days)s * interval '1 day')
RETURNING expires_at
