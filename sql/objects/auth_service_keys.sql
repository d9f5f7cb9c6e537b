-- Keys of systems that act for customers. Operators make and end them as the owner (cli/verbs/service_key.py); every copy of
-- the API keeps those that are good in memory (read_api/auth/verification.py), so that none of its answers waits for a look.

-- Hashes of 256 random bits lead to no key, so whoever checks keys may have them.
CREATE OR REPLACE FUNCTION auth.good_service_keys() RETURNS TABLE (service_keys json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(json_agg(json_build_object('id', k.id, 'hash', encode(k.key_hash, 'hex'), 'role', k.role,
                                               'customers', k.customers, 'expires', extract(epoch FROM k.expires_at))
                             ORDER BY k.id), '[]')
      FROM auth.service_keys k
     WHERE k.revoked_at IS NULL AND k.expires_at > clock_timestamp()
$$;
COMMENT ON FUNCTION auth.good_service_keys() IS 'The service keys that are good now, by their hashes, as JSON';

-- Whoever changes a key, and however: every copy of the API reads them again at once.
CREATE OR REPLACE FUNCTION auth.tell_service_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('hub_auth', '');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tell_service_keys AFTER INSERT OR UPDATE OR DELETE ON auth.service_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.tell_service_keys();

-- A key was shown, from an address. Copies of the API count together, as they do tries: an entry for each hour and `place`,
-- which is a hash of the key and of where it was shown.
CREATE OR REPLACE FUNCTION auth.note_key_use(key uuid, place text, address text) RETURNS TABLE (noted boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    is_first constant boolean := (
        SELECT a.refused_by IS NULL
          FROM auth.attempt('service_key', jsonb_build_array(jsonb_build_object(
                   'name', 'hour', 'key', place, 'most', 1, 'seconds', 3600))) a);
BEGIN
    IF is_first THEN
        PERFORM auth.note('key:' || key, NULL, 'service_key.used', 'key:' || key, address,
                          (SELECT jsonb_build_object('name', k.name) FROM auth.service_keys k WHERE k.id = key));
    END IF;
    RETURN QUERY SELECT is_first;
END
$$;
COMMENT ON FUNCTION auth.note_key_use(uuid, text, text) IS
    'Add to the audit that a service key was shown, once an hour for each place; whether it was added';
