-- Passkeys (WebAuthn). The API finds out whether what an authenticator signed is right; whether it counts, and what comes of
-- it, is decided here, as of other factors (auth_factors.sql).
--
-- A ceremony is one time that a browser is asked for a passkey: to make one, in a session, or to use one, whoever's it is. What
-- it is asked with (its challenge) is good for a few minutes, for the client that asked, and for one use: `used_as` is the id of
-- what came of it, so that whoever asks twice, where the connection broke before the answer came, is told the same.

-- -- asking for one ------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.begin_ceremony(challenge bytea, client bytea, lasts interval) RETURNS TABLE (begun boolean)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO auth.ceremonies (challenge_hash, client, expires_at)
    VALUES (challenge, client, clock_timestamp() + lasts)
    ON CONFLICT (challenge_hash) DO NOTHING;
    SELECT true;
$$;
COMMENT ON FUNCTION auth.begin_ceremony(bytea, bytea, interval) IS 'A browser is asked to use a passkey, whoever''s it is';

-- In a session that is fresh. credentials: those that the person has, in hexadecimal, for an authenticator holds one of them
-- once. No row: it is not fresh.
CREATE OR REPLACE FUNCTION auth.begin_passkey(session uuid, fresh interval, challenge bytea, client bytea, lasts interval)
    RETURNS TABLE (user_id uuid, email text, credentials text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    person constant uuid := auth.fresh_person(session, fresh);
BEGIN
    IF person IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO auth.ceremonies (challenge_hash, session_id, client, expires_at)
    VALUES (challenge, session, begin_passkey.client, clock_timestamp() + lasts)
    ON CONFLICT (challenge_hash) DO NOTHING;
    RETURN QUERY
    SELECT u.id, u.email, ARRAY(SELECT encode(p.credential_id, 'hex') FROM auth.passkeys p WHERE p.user_id = u.id)
      FROM auth.users u WHERE u.id = person;
END
$$;
COMMENT ON FUNCTION auth.begin_passkey(uuid, interval, bytea, bytea, interval) IS
    'A session''s person is asked to make a passkey: who they are, and the credentials that they have';

-- Of a ceremony that is held until the transaction ends. session: in which a passkey is made; null: to use one. open: it may be
-- used; used: it was, for just this; ended: there is none such of that client, it is too old, or something else came of it.
CREATE OR REPLACE FUNCTION auth.ceremony_state(challenge bytea, client bytea, session uuid, used uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held auth.ceremonies;
BEGIN
    SELECT c.* INTO held FROM auth.ceremonies c
     WHERE c.challenge_hash = challenge AND c.client = ceremony_state.client
       AND c.session_id IS NOT DISTINCT FROM session AND c.expires_at > clock_timestamp()
       FOR UPDATE;
    RETURN CASE WHEN held.challenge_hash IS NULL OR held.used_as <> used THEN 'ended'
                WHEN held.used_as = used THEN 'used' ELSE 'open' END;
END
$$;
COMMENT ON FUNCTION auth.ceremony_state(bytea, bytea, uuid, uuid) IS 'Whether a ceremony may be used: open, used or ended';

-- -- using one ---------------------------------------------------------------------------------------------------------

-- Whose a credential is, and the key that its signatures are checked with. No row: nobody's.
CREATE OR REPLACE FUNCTION auth.passkey(credential bytea) RETURNS TABLE (user_id uuid, public_key bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.user_id, p.public_key FROM auth.passkeys p WHERE p.credential_id = credential
$$;
COMMENT ON FUNCTION auth.passkey(bytea) IS 'Whose a credential is, and its public key; no row: nobody''s';

-- A signature of a person's passkey counts once, for one ceremony. proof: {challenge (its hash), client, credential, in hexadecimal;
-- used: what comes of it; count: of the authenticator's uses; backed_up}. Of an authenticator that counts, a count that does not
-- go on is one of a copy, or of the original once a copy was used: which of the two, nobody knows.
CREATE OR REPLACE FUNCTION auth.prove_passkey(person uuid, proof jsonb) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used constant uuid := proof ->> 'used';
    shown constant bigint := proof ->> 'count';
    asked_with constant bytea := decode(proof ->> 'challenge', 'hex');
    state constant text := auth.ceremony_state(asked_with, decode(proof ->> 'client', 'hex'), NULL, used);
    mine auth.passkeys;
BEGIN
    IF state <> 'open' THEN
        RETURN state = 'used';
    END IF;
    SELECT p.* INTO mine FROM auth.passkeys p
     WHERE p.credential_id = decode(proof ->> 'credential', 'hex') AND p.user_id = person FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF shown <= mine.sign_count AND (shown > 0 OR mine.sign_count > 0) THEN
        PERFORM auth.note('anybody', NULL, 'passkey.count_went_back', 'user:' || person, NULL,
                          jsonb_build_object('passkey', mine.id, 'shown', shown, 'known', mine.sign_count));
        RETURN false;
    END IF;
    UPDATE auth.passkeys p
       SET sign_count = shown, is_backed_up = (proof ->> 'backed_up')::boolean, last_used_at = clock_timestamp()
     WHERE p.id = mine.id;
    UPDATE auth.ceremonies c SET used_as = used WHERE c.challenge_hash = asked_with;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.prove_passkey(uuid, jsonb) IS 'Whether a signature of a person''s passkey counts; it is used up';

-- Log in by a passkey alone. outcome: as of auth.begin_session; refused: it does not count.
CREATE OR REPLACE FUNCTION auth.enter_by_passkey(
    person uuid, proof text, session uuid, token_hash bytea, device text, lasts interval, address text
) RETURNS TABLE (outcome text, customer_id uuid, role text, epoch integer, amr text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    proven constant text[] := auth.proven_by('{}', 'passkey');
BEGIN
    PERFORM FROM auth.users u WHERE u.id = person FOR NO KEY UPDATE;
    IF NOT auth.prove(person, 'passkey', proof) THEN
        PERFORM auth.note('anybody', NULL, 'login.refused', 'user:' || person, address, '{"why": "passkey_does_not_count"}');
        RETURN QUERY SELECT 'refused', NULL::uuid, NULL::text, NULL::integer, NULL::text[];
        RETURN;
    END IF;
    RETURN QUERY
    SELECT b.outcome, b.customer_id, b.role, b.epoch, proven
      FROM auth.begin_session(session, person, NULL, NULL, enter_by_passkey.token_hash, device, proven, lasts, NULL,
                              address) b;
END
$$;
COMMENT ON FUNCTION auth.enter_by_passkey(uuid, text, uuid, bytea, text, interval, text) IS
    'A person logs in by a passkey: their session, with the first of its refresh tokens';

-- -- a person's own ----------------------------------------------------------------------------------------------------

-- A passkey was made: it is the person's from now on. Recovery codes go with it where none are left. outcome: added, refused (the
-- ceremony is good no more, or somebody has that credential), stale (the session is over, or not fresh).
CREATE OR REPLACE FUNCTION auth.add_passkey(
    session uuid, fresh interval, challenge bytea, client bytea, passkey uuid, name text, credential bytea, public_key bytea,
    sign_count bigint, transports text[], backed_up boolean, codes bytea[], address text
) RETURNS TABLE (outcome text, with_codes boolean, ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    person constant uuid := auth.fresh_person(session, fresh);
    others integer;
BEGIN
    with_codes := EXISTS (SELECT FROM auth.recovery_codes c WHERE c.user_id = person AND c.code_hash = codes[1]);
    IF person IS NULL THEN
        RETURN QUERY SELECT 'stale', false, NULL::integer;
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM auth.passkeys p WHERE p.id = passkey AND p.user_id = person) THEN
        RETURN QUERY SELECT 'added', with_codes, 0;
        RETURN;
    END IF;
    IF auth.ceremony_state(challenge, add_passkey.client, session, passkey) <> 'open' THEN
        RETURN QUERY SELECT 'refused', false, NULL::integer;
        RETURN;
    END IF;
    UPDATE auth.ceremonies c SET used_as = passkey WHERE c.challenge_hash = challenge;
    INSERT INTO auth.passkeys (id, user_id, name, credential_id, public_key, sign_count, transports, is_backed_up)
    VALUES (passkey, person, add_passkey.name, credential, add_passkey.public_key, add_passkey.sign_count,
            add_passkey.transports, backed_up)
    ON CONFLICT (credential_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'refused', false, NULL::integer;
        RETURN;
    END IF;
    with_codes := NOT EXISTS (SELECT FROM auth.recovery_codes c WHERE c.user_id = person AND c.used_at IS NULL);
    IF with_codes THEN
        PERFORM auth.set_recovery_codes(person, codes);
    END IF;
    others := auth.factors_changed(person, session);
    UPDATE auth.sessions s SET amr = auth.proven_by(s.amr, 'passkey') WHERE s.id = session;
    PERFORM auth.tell_of_factor(person, 'passkey_on');
    PERFORM auth.note('user:' || person, NULL, 'factor.passkey_on', 'user:' || person, address,
                      jsonb_build_object('passkey', passkey, 'sessions_ended', others));
    RETURN QUERY SELECT 'added', with_codes, others;
END
$$;
COMMENT ON FUNCTION auth.add_passkey(
    uuid, interval, bytea, bytea, uuid, text, bytea, bytea, bigint, text[], boolean, bytea[], text) IS
    'A passkey that was made is a session''s person''s from now on; whether recovery codes go with it, how many sessions ended';

-- outcome: off, none (there is none such), short, last (as of auth.left_without), stale.
CREATE OR REPLACE FUNCTION auth.end_passkey(session uuid, fresh interval, passkey uuid, address text)
    RETURNS TABLE (outcome text, ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person constant uuid := auth.fresh_person(session, fresh);
    others integer;
    said text;
BEGIN
    said := CASE
        WHEN person IS NULL THEN 'stale'
        WHEN NOT EXISTS (SELECT FROM auth.passkeys p WHERE p.id = passkey AND p.user_id = person) THEN 'none'
        ELSE auth.left_without(person, passkey)
    END;
    IF said = 'enough' THEN
        said := 'off';
        DELETE FROM auth.passkeys p WHERE p.id = passkey;
        others := auth.factor_taken(person, session, 'passkey_off');
        PERFORM auth.note('user:' || person, NULL, 'factor.passkey_off', 'user:' || person, address,
                          jsonb_build_object('passkey', passkey, 'sessions_ended', others));
    END IF;
    RETURN QUERY SELECT said, others;
END
$$;
COMMENT ON FUNCTION auth.end_passkey(uuid, interval, uuid, text) IS
    'Take one of a person''s own passkeys away; how many other sessions ended';
