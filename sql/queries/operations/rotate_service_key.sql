-- Makes a service key that follows one which is good, may do the same, and lasts as long as that was made for, or so many days.
-- The one before goes on for so many hours. Until when each is good; no row: that is not good, or was replaced already.
WITH before AS (
    SELECT id, name, role, customers, expires_at, expires_at - created_at AS lasts
      FROM auth.service_keys
     WHERE id = %(id)s AND revoked_at IS NULL AND expires_at > now() AND replaced_by IS NULL
       FOR UPDATE
), added AS (
    INSERT INTO auth.service_keys (id, name, key_hash, role, customers, expires_at)
    SELECT %(new_id)s, name, %(hash)s, role, customers, now() + coalesce(%(days)s::integer * interval '1 day', lasts)
      FROM before
    RETURNING expires_at
)
UPDATE auth.service_keys k
   SET replaced_by = %(new_id)s, expires_at = least(k.expires_at, now() + %(hours)s * interval '1 hour')
  FROM before, added
 WHERE k.id = before.id
RETURNING k.expires_at AS ends_at, added.expires_at
