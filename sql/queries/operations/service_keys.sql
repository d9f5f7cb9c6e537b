-- Service keys, the newest first; what is secret of them is not among it.
SELECT id, name, role, customers, created_at, expires_at, revoked_at, replaced_by,
       revoked_at IS NULL AND expires_at > now() AS is_good
  FROM auth.service_keys
 WHERE %(id)s::uuid IS NULL OR id = %(id)s::uuid
 ORDER BY created_at DESC, id
