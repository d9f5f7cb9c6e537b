-- Devices that somebody has logged in on before, and codes by e-mail on those that nobody has (decision 0038). A device is known by
-- a random token in a cookie, kept here by its hash, for one person: another's cookie is none of theirs.

CREATE OR REPLACE FUNCTION auth.knows_device(person uuid, shown bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE auth.devices d SET last_used_at = clock_timestamp()
     WHERE d.user_id = person AND d.token_hash = shown AND d.expires_at > clock_timestamp();
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.knows_device(uuid, bytea) IS 'Whether somebody has logged in on a device before, and wanted it remembered';

-- -- codes by e-mail ---------------------------------------------------------------------------------------------------

-- Whose log-in waits for a code, by that challenge and client. proven: a digest that tells their password from an earlier one; codes
-- and tries are counted by it, so that whoever knew that one keeps nobody out who has another. No row: none does.
CREATE OR REPLACE FUNCTION auth.waits_for_code(challenge bytea, client bytea) RETURNS TABLE (user_id uuid, proven text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.user_id, encode(sha256(convert_to(c.verified, 'UTF8')), 'hex') FROM auth.challenges c
     WHERE c.token_hash = challenge AND c.client = waits_for_code.client AND c.expires_at > clock_timestamp()
       AND c.session_id IS NULL AND auth.challenge_methods(c.user_id, c.amr) = '{email}'
$$;
COMMENT ON FUNCTION auth.waits_for_code(bytea, bytea) IS 'Whose log-in waits for a code by e-mail; no row: nobody''s';

-- Only the newest code is good, for as long as is said from now on. code_hash: of the code, by the challenge, which is not kept:
-- who reads this table cannot try all codes. False: no log-in waits for one by that challenge and client.
CREATE OR REPLACE FUNCTION auth.send_code(
    challenge bytea, client bytea, code text, code_hash bytea, minutes integer, device text, address text
) RETURNS TABLE (sent boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    lasts constant interval := minutes * interval '1 minute';
    person constant uuid := (SELECT w.user_id FROM auth.waits_for_code(challenge, client) w);
BEGIN
    UPDATE auth.challenges c SET code_hash = send_code.code_hash, expires_at = clock_timestamp() + lasts
     WHERE c.token_hash = challenge AND person IS NOT NULL AND c.session_id IS NULL
       -- Asked twice, where the connection broke before the answer came: the first message is enough.
       AND c.code_hash IS DISTINCT FROM send_code.code_hash;
    IF FOUND THEN
        PERFORM auth.post(person, 'log_in_code', jsonb_build_object('minutes', minutes, 'device', device),
                          jsonb_build_object('code', code), lasts);
        PERFORM auth.note('user:' || person, NULL, 'login.code_sent', 'user:' || person, address);
    END IF;
    RETURN QUERY SELECT person IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth.send_code(bytea, bytea, text, bytea, integer, text, text) IS
    'Send a code to whoever''s log-in waits for one; false: none does';

-- -- devices -----------------------------------------------------------------------------------------------------------

-- The device on which a session began needs no code for so long. For sessions that a code began alone.
CREATE OR REPLACE FUNCTION auth.remember_device(session uuid, token bytea, lasts interval, address text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person uuid;
    device uuid;
BEGIN
    -- Asked twice, as above.
    INSERT INTO auth.devices (id, user_id, token_hash, device, expires_at)
    SELECT gen_random_uuid(), s.user_id, token, s.device, clock_timestamp() + lasts
      FROM auth.sessions s WHERE s.id = session AND s.revoked_at IS NULL AND 'otp' = ANY (s.amr)
    ON CONFLICT (token_hash) DO NOTHING
    RETURNING auth.devices.user_id, auth.devices.id INTO person, device;
    IF FOUND THEN
        PERFORM auth.note('user:' || person, NULL, 'device.remembered', 'device:' || device, address);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.remember_device(uuid, bytea, interval, text) IS 'Ask for no code on a session''s device for a while';

CREATE OR REPLACE FUNCTION auth.devices_of(session uuid) RETURNS TABLE (devices json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT json_agg(json_build_object('id', d.id, 'device', d.device, 'createdAt', d.created_at,
                                                       'lastUsedAt', d.last_used_at, 'expiresAt', d.expires_at)
                                     ORDER BY d.last_used_at DESC, d.id)
                       FROM auth.devices d WHERE d.user_id = mine.user_id AND d.expires_at > clock_timestamp()), '[]')
      FROM auth.sessions mine
     WHERE mine.id = session AND mine.revoked_at IS NULL
$$;
COMMENT ON FUNCTION auth.devices_of(uuid) IS 'The devices on which a session''s person is asked for no code, as JSON; no row: it is over';

-- One of a session's own person. forgotten: whether there was one.
CREATE OR REPLACE FUNCTION auth.forget_device(session uuid, which uuid, address text) RETURNS TABLE (forgotten boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person uuid;
BEGIN
    DELETE FROM auth.devices d USING auth.sessions mine
     WHERE mine.id = session AND mine.revoked_at IS NULL AND d.id = which AND d.user_id = mine.user_id
    RETURNING d.user_id INTO person;
    IF FOUND THEN
        PERFORM auth.note('user:' || person, NULL, 'device.forgotten', 'device:' || which, address);
    END IF;
    RETURN QUERY SELECT person IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth.forget_device(uuid, uuid, text) IS 'Ask for a code again on a device of a session''s own person';
