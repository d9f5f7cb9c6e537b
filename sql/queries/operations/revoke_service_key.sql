-- Ends a service key now; no row: it has ended, or never was.
UPDATE auth.service_keys SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL AND expires_at > now() RETURNING id
