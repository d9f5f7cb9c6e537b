-- Second factors: what a person proves besides their password, when they log in and again before what is dangerous. The API finds
-- out whether a code is right; whether it counts, and what comes of it, is decided here. Whatever decides holds the person's
-- row, so that two who try at once come one after the other (NO KEY: messages to them wait for nobody).
--
-- A further method needs three words here: in auth.second_methods who has it, in auth.proven_by what it proves, in auth.prove
-- when it is good.

-- -- who must prove what -----------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.second_methods(person uuid) RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = person) THEN 'passkey' END,
        CASE WHEN EXISTS (SELECT FROM auth.totp t WHERE t.user_id = person AND t.secret IS NOT NULL) THEN 'totp' END,
        CASE WHEN EXISTS (SELECT FROM auth.recovery_codes c WHERE c.user_id = person AND c.used_at IS NULL)
             THEN 'recovery' END], NULL)
$$;
COMMENT ON FUNCTION auth.second_methods(uuid) IS 'Methods by which a person proves a second factor; none: they have none';

-- Recovery codes stand in for one, and are none.
CREATE OR REPLACE FUNCTION auth.has_second_factor(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT auth.second_methods(person) && '{passkey,totp}'
$$;
COMMENT ON FUNCTION auth.has_second_factor(uuid) IS 'Whether a person has a second factor';

-- Somebody has proven that much (RFC 8176): by which methods must they prove more, any one of them, before they are in?
CREATE OR REPLACE FUNCTION auth.still_needed(person uuid, amr text[]) RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN 'mfa' = ANY (amr) THEN '{}' ELSE auth.second_methods(person) END
$$;
COMMENT ON FUNCTION auth.still_needed(uuid, text[]) IS 'Methods one of which must be proven yet before a person is in';

-- A log-in that waits although no second factor is needed waits for a code by e-mail (auth_devices.sql).
CREATE OR REPLACE FUNCTION auth.challenge_methods(person uuid, amr text[]) RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN cardinality(needed) > 0 THEN needed ELSE '{email}' END FROM auth.still_needed(person, amr) needed
$$;
COMMENT ON FUNCTION auth.challenge_methods(uuid, text[]) IS 'Methods by any one of which a log-in that waits may go on';

-- Whoever has a second factor proves that one again: the password is what others learn first.
CREATE OR REPLACE FUNCTION auth.step_up_methods(person uuid) RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN cardinality(second) > 0 THEN second ELSE ARRAY['password'] END
      FROM auth.second_methods(person) second
$$;
COMMENT ON FUNCTION auth.step_up_methods(uuid) IS 'Methods one of which makes a person''s session fresh';

-- What was proven, with one method more, in the words of RFC 8176. mfa: two different factors. A passkey is two by itself, for
-- the authenticator, which the person has, signs only once it knows them by a PIN or their body. A code by e-mail is none: the mail may be read by whoever has the password.
CREATE OR REPLACE FUNCTION auth.proven_by(amr text[], method text) RETURNS text[]
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(word ORDER BY place)
      FROM (SELECT word, min(place) AS place
              FROM unnest(amr || CASE method WHEN 'password' THEN '{pwd}'::text[] WHEN 'passkey' THEN '{pop,user,mfa}'
                                                 ELSE '{otp}' END
                              || CASE WHEN method NOT IN ('password', 'email') AND 'pwd' = ANY (amr) THEN '{mfa}'::text[] END)
                   WITH ORDINALITY AS words (word, place)
             GROUP BY word) once
$$;
COMMENT ON FUNCTION auth.proven_by(text[], text) IS 'What is proven (RFC 8176) once a method is, besides what was';

-- Does it count? Each proof that is good for one time is used up by this.
-- password: the hash that it was compared with. totp: the step of 30 seconds that the code belongs to. recovery: the
-- code's SHA-256, in hexadecimal. passkey: JSON, as auth.prove_passkey takes it.
CREATE OR REPLACE FUNCTION auth.prove(person uuid, method text, proof text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE method
    WHEN 'password' THEN
        RETURN EXISTS (SELECT FROM auth.users u WHERE u.id = person AND u.password_hash = proof);
    WHEN 'totp' THEN
        UPDATE auth.totp t SET last_step = proof::bigint
         WHERE t.user_id = person AND t.secret IS NOT NULL AND t.last_step < proof::bigint;
        RETURN FOUND;
    WHEN 'recovery' THEN
        UPDATE auth.recovery_codes c SET used_at = clock_timestamp()
         WHERE c.user_id = person AND c.code_hash = decode(proof, 'hex') AND c.used_at IS NULL;
        IF FOUND THEN
            PERFORM auth.tell_of_factor(person, 'code_used');
            RETURN true;
        END IF;
        RETURN false;
    WHEN 'passkey' THEN
        RETURN auth.prove_passkey(person, proof::jsonb);
    ELSE
        RETURN false;
    END CASE;
END
$$;
COMMENT ON FUNCTION auth.prove(uuid, text, text) IS 'Whether a proof counts; one that is good once is used up';

-- What the API compares a person's proofs with. Secrets are sealed by a key that is not in the database.
CREATE OR REPLACE FUNCTION auth.proving(person uuid)
    RETURNS TABLE (email text, password_hash text, secret text, pending text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.email, u.password_hash, t.secret,
           CASE WHEN t.pending_at > clock_timestamp() - interval '1 hour' THEN t.pending END
      FROM auth.users u LEFT JOIN auth.totp t ON t.user_id = u.id
     WHERE u.id = person
$$;
COMMENT ON FUNCTION auth.proving(uuid) IS 'What a person''s proofs are compared with';

-- Seconds since 1970. Of a session that the same statement began or changed, too.
CREATE OR REPLACE FUNCTION auth.authenticated_at(session uuid) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT extract(epoch FROM s.authenticated_at)::bigint FROM auth.sessions s WHERE s.id = session
$$;
COMMENT ON FUNCTION auth.authenticated_at(uuid) IS 'When a session''s person last proved who they are, seconds since 1970';

-- -- logging in with more than a password ------------------------------------------------------------------------------

-- Somebody has proven their password (`verified`: its hash) and must prove more: the challenge says so to whoever has it.
CREATE OR REPLACE FUNCTION auth.open_challenge(
    challenge bytea, person uuid, verified text, client bytea, forgiven text, lasts interval, address text
) RETURNS TABLE (methods text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO auth.challenges (token_hash, user_id, client, amr, verified, forgiven, expires_at)
    VALUES (challenge, person, client, '{pwd}', verified, forgiven, clock_timestamp() + lasts)
    ON CONFLICT (token_hash) DO NOTHING;
    IF FOUND THEN
        PERFORM auth.note('user:' || person, NULL, 'login.challenged', 'user:' || person, address);
    END IF;
    RETURN QUERY SELECT auth.challenge_methods(person, '{pwd}');
END
$$;
COMMENT ON FUNCTION auth.open_challenge(bytea, uuid, text, bytea, text, interval, text) IS
    'A log-in needs more: remember what was proven; by which methods it may go on';

-- A try is counted before it is looked at, so that of many at once no more than `most` are. No row: the challenge is none of
-- ours, another client's, too old, used, or was tried as often as it may be.
CREATE OR REPLACE FUNCTION auth.try_challenge(challenge bytea, client bytea, most integer)
    RETURNS TABLE (user_id uuid, methods text[])
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE auth.challenges c SET tries = c.tries + 1
     WHERE c.token_hash = challenge AND c.client = try_challenge.client AND c.expires_at > clock_timestamp()
       AND c.session_id IS NULL AND c.tries < most
    RETURNING c.user_id, auth.challenge_methods(c.user_id, c.amr)
$$;
COMMENT ON FUNCTION auth.try_challenge(bytea, bytea, integer) IS
    'Count a try to go on with a challenge: whose it is, and by which methods it may go on';

-- Somebody has proven one method more. outcome: as of auth.begin_session, or ended (the challenge is good no more), wrong
-- (the proof does not count: it was used before). forgiven: the key of the method's tries, which count no more.
CREATE OR REPLACE FUNCTION auth.meet_challenge(
    challenge bytea, client bytea, method text, proof text, session uuid, token_hash bytea, device text, lasts interval,
    forgiven text, address text
) RETURNS TABLE (outcome text, user_id uuid, customer_id uuid, role text, epoch integer, amr text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    met auth.challenges;
    counts boolean;
    proven text[];
BEGIN
    PERFORM FROM auth.users u
      WHERE u.id = (SELECT c.user_id FROM auth.challenges c WHERE c.token_hash = challenge) FOR NO KEY UPDATE;
    SELECT c.* INTO met FROM auth.challenges c
     WHERE c.token_hash = challenge AND c.client = meet_challenge.client AND c.expires_at > clock_timestamp();
    -- The same session again: asked twice, where the connection broke before the answer came.
    IF NOT FOUND OR met.session_id <> session
       OR met.session_id IS NULL AND NOT method = ANY (auth.challenge_methods(met.user_id, met.amr))
    THEN
        RETURN QUERY SELECT 'ended', NULL::uuid, NULL::uuid, NULL::text, NULL::integer, NULL::text[];
        RETURN;
    END IF;
    counts := CASE
        WHEN met.session_id IS NOT NULL THEN true
        -- A code by e-mail is of this one challenge; whatever else is proven, of the person.
        WHEN method = 'email' THEN met.code_hash IS NOT DISTINCT FROM decode(proof, 'hex')
        ELSE auth.prove(met.user_id, method, proof)
    END;
    IF NOT counts THEN
        PERFORM auth.note('anybody', NULL, 'login.refused', 'user:' || met.user_id, address,
                          jsonb_build_object('why', 'does_not_count', 'method', method));
        RETURN QUERY SELECT 'wrong', NULL::uuid, NULL::uuid, NULL::text, NULL::integer, NULL::text[];
        RETURN;
    END IF;
    proven := auth.proven_by(met.amr, method);
    UPDATE auth.challenges c SET session_id = session WHERE c.token_hash = challenge;
    DELETE FROM auth.attempts a WHERE a.kind = 'factor' AND a.key = meet_challenge.forgiven;
    RETURN QUERY
    SELECT b.outcome, met.user_id, b.customer_id, b.role, b.epoch, proven
      FROM auth.begin_session(session, met.user_id, met.verified, NULL, meet_challenge.token_hash, device, proven, lasts,
                              met.forgiven, address) b;
END
$$;
COMMENT ON FUNCTION auth.meet_challenge(bytea, bytea, text, text, uuid, bytea, text, interval, text, text) IS
    'Somebody who logs in has proven a second factor: their session, with the first of its refresh tokens';

-- -- proving it again --------------------------------------------------------------------------------------------------

-- outcome: fresh, ended (the session is over), refused (not by that method), wrong (the proof does not count), no_account.
CREATE OR REPLACE FUNCTION auth.step_up(session uuid, method text, proof text, forgiven text, address text)
    RETURNS TABLE (outcome text, user_id uuid, customer_id uuid, role text, epoch integer, amr text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine auth.sessions;
    chosen record;
    said text;
BEGIN
    PERFORM FROM auth.users u WHERE u.id = (SELECT s.user_id FROM auth.sessions s WHERE s.id = session) FOR NO KEY UPDATE;
    SELECT s.* INTO mine FROM auth.sessions s
     WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() FOR UPDATE;
    SELECT a.customer_id, a.role INTO chosen FROM auth.acting(mine.user_id, mine.customer_id) a;
    said := CASE
        WHEN mine.id IS NULL THEN 'ended'
        -- Only a refresh chooses another customer: it writes that down, so that what is called back there ends this session.
        WHEN chosen.customer_id IS DISTINCT FROM mine.customer_id THEN 'no_account'
        WHEN NOT method = ANY (auth.step_up_methods(mine.user_id)) THEN 'refused'
        WHEN NOT auth.prove(mine.user_id, method, proof) THEN 'wrong'
        ELSE 'fresh'
    END;
    IF said = 'fresh' THEN
        UPDATE auth.sessions s
           SET authenticated_at = clock_timestamp(), amr = auth.proven_by(s.amr, method)
         WHERE s.id = session
        RETURNING s.amr INTO mine.amr;
        DELETE FROM auth.attempts a WHERE a.kind = 'factor' AND a.key = step_up.forgiven;
    END IF;
    IF said IN ('fresh', 'wrong') THEN
        PERFORM auth.note('user:' || mine.user_id, NULL,
                          CASE said WHEN 'fresh' THEN 'session.stepped_up' ELSE 'session.step_up_refused' END,
                          'session:' || session, address, jsonb_build_object('method', method));
    END IF;
    RETURN QUERY SELECT said, mine.user_id, chosen.customer_id, chosen.role, mine.epoch, mine.amr;
END
$$;
COMMENT ON FUNCTION auth.step_up(uuid, text, text, text, text) IS
    'A session''s person has proven again who they are: it is fresh from now on';

-- -- a person's own factors --------------------------------------------------------------------------------------------

-- The person of a session that is good and fresh, whose row is held from now on; null: it is not. The API has asked the
-- token the same; here it is asked of what the token was made from.
CREATE OR REPLACE FUNCTION auth.fresh_person(session uuid, fresh interval) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM auth.users u WHERE u.id = (SELECT s.user_id FROM auth.sessions s WHERE s.id = session) FOR NO KEY UPDATE;
    RETURN (SELECT s.user_id FROM auth.sessions s
             WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
               AND s.authenticated_at > clock_timestamp() - fresh);
END
$$;
COMMENT ON FUNCTION auth.fresh_person(uuid, interval) IS 'The person of a session that is fresh, their row held; null: it is not';

-- What follows whenever a person's factors are others: whoever is logged in elsewhere, or is about to be, begins anew.
CREATE OR REPLACE FUNCTION auth.factors_changed(person uuid, but uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM auth.challenges c WHERE c.user_id = person AND c.session_id IS NULL;
    RETURN auth.revoke_all(person, but, 'factor_changed');
END
$$;
COMMENT ON FUNCTION auth.factors_changed(uuid, uuid) IS
    'End every session of a person but one, and every log-in that has begun; how many sessions';

CREATE OR REPLACE FUNCTION auth.factors_of(session uuid) RETURNS TABLE (factors json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
               'factors', (SELECT coalesce(json_agg(json_build_object('method', f.method, 'since', f.since)), '[]')
                             FROM (SELECT 'password' AS method, u.password_set_at AS since
                                     FROM auth.users u WHERE u.id = mine.user_id AND u.password_hash IS NOT NULL
                                    UNION ALL
                                   SELECT 'totp', t.confirmed_at
                                     FROM auth.totp t WHERE t.user_id = mine.user_id AND t.secret IS NOT NULL) f),
               'passkeys', (SELECT coalesce(json_agg(json_build_object('id', p.id, 'name', p.name, 'createdAt', p.created_at,
                                                                       'lastUsedAt', p.last_used_at,
                                                                       'isBackedUp', p.is_backed_up)
                                                     ORDER BY p.created_at, p.id), '[]')
                              FROM auth.passkeys p WHERE p.user_id = mine.user_id),
               'recoveryCodes', (SELECT count(*) FROM auth.recovery_codes c
                                  WHERE c.user_id = mine.user_id AND c.used_at IS NULL),
               'stepUp', auth.step_up_methods(mine.user_id))
      FROM auth.sessions mine
     WHERE mine.id = session AND mine.revoked_at IS NULL
$$;
COMMENT ON FUNCTION auth.factors_of(uuid) IS 'What a session''s person proves who they are with, as JSON; no row: it is over';

-- Give out a secret for an authenticator app; it counts once a code of it came. One that is on goes on until then.
CREATE OR REPLACE FUNCTION auth.begin_totp(session uuid, fresh interval, sealed text) RETURNS TABLE (begun boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person constant uuid := auth.fresh_person(session, fresh);
BEGIN
    IF person IS NOT NULL THEN
        INSERT INTO auth.totp (user_id, pending, pending_at) VALUES (person, sealed, clock_timestamp())
        ON CONFLICT (user_id) DO UPDATE SET pending = excluded.pending, pending_at = excluded.pending_at;
    END IF;
    RETURN QUERY SELECT person IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth.begin_totp(uuid, interval, text) IS 'Remember the secret that an authenticator app is given';

-- A code of the pending secret came, of that step: it is on, or takes the place of the one that was, and with it new
-- recovery codes. outcome: on, wrong (another secret was given out meanwhile), stale (the session is over, or not fresh).
-- forgiven: the key of the tries of codes, which count no more.
CREATE OR REPLACE FUNCTION auth.confirm_totp(
    session uuid, fresh interval, sealed text, step bigint, codes bytea[], forgiven text, address text
) RETURNS TABLE (outcome text, ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person constant uuid := auth.fresh_person(session, fresh);
    others integer;
BEGIN
    IF person IS NULL THEN
        RETURN QUERY SELECT 'stale', NULL::integer;
        RETURN;
    END IF;
    -- Asked twice, where the connection broke before the answer came.
    IF EXISTS (SELECT FROM auth.totp t WHERE t.user_id = person AND t.secret = sealed AND t.last_step = step)
       AND EXISTS (SELECT FROM auth.recovery_codes c WHERE c.user_id = person AND c.code_hash = codes[1]) THEN
        RETURN QUERY SELECT 'on', 0;
        RETURN;
    END IF;
    UPDATE auth.totp t
       SET secret = t.pending, last_step = step, confirmed_at = clock_timestamp(), pending = NULL, pending_at = NULL
     WHERE t.user_id = person AND t.pending = sealed;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'wrong', NULL::integer;
        RETURN;
    END IF;
    PERFORM auth.set_recovery_codes(person, codes);
    DELETE FROM auth.attempts a WHERE a.kind = 'factor' AND a.key = forgiven;
    others := auth.factors_changed(person, session);
    UPDATE auth.sessions s SET amr = auth.proven_by(s.amr, 'totp') WHERE s.id = session;
    PERFORM auth.tell_of_factor(person, 'on');
    PERFORM auth.note('user:' || person, NULL, 'factor.totp_on', 'user:' || person, address,
                      jsonb_build_object('sessions_ended', others));
    RETURN QUERY SELECT 'on', others;
END
$$;
COMMENT ON FUNCTION auth.confirm_totp(uuid, interval, text, bigint, bytea[], text, text) IS
    'Switch an authenticator app on, with new recovery codes; how many other sessions ended';

-- With what is left of somebody's factors once one is taken away, are they let in? passkey: the one that is; null: their app.
-- enough: they are; short: the password is too short to be all that they prove; last: there is no password.
CREATE OR REPLACE FUNCTION auth.left_without(person uuid, passkey uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = person AND p.id IS DISTINCT FROM passkey) THEN 'enough'
        WHEN u.password_hash IS NULL THEN 'last'
        WHEN passkey IS NOT NULL AND EXISTS (SELECT FROM auth.totp t WHERE t.user_id = person AND t.secret IS NOT NULL)
            THEN 'enough'
        WHEN NOT u.password_suffices THEN 'short'
        ELSE 'enough'
    END FROM auth.users u WHERE u.id = person
$$;
COMMENT ON FUNCTION auth.left_without(uuid, uuid) IS 'Whether somebody is still let in once one of their factors is taken away';

-- What follows: recovery codes go with the last second factor, and it is told.
CREATE OR REPLACE FUNCTION auth.factor_taken(person uuid, but uuid, what text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    remains constant boolean := auth.has_second_factor(person);
BEGIN
    IF NOT remains THEN
        DELETE FROM auth.recovery_codes c WHERE c.user_id = person;
    END IF;
    PERFORM auth.tell_of_factor(person, CASE WHEN remains THEN what ELSE 'off' END);
    RETURN auth.factors_changed(person, but);
END
$$;
COMMENT ON FUNCTION auth.factor_taken(uuid, uuid, text) IS 'One of a person''s factors was taken away; how many sessions ended';

-- Switch it off. outcome: off, none (there is none), short, last (as of auth.left_without), stale.
CREATE OR REPLACE FUNCTION auth.end_totp(session uuid, fresh interval, address text)
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
        WHEN NOT EXISTS (SELECT FROM auth.totp t WHERE t.user_id = person AND t.secret IS NOT NULL) THEN 'none'
        ELSE auth.left_without(person, NULL)
    END;
    IF said = 'enough' THEN
        said := 'off';
        DELETE FROM auth.totp t WHERE t.user_id = person;
        others := auth.factor_taken(person, session, 'app_off');
        PERFORM auth.note('user:' || person, NULL, 'factor.totp_off', 'user:' || person, address,
                          jsonb_build_object('sessions_ended', others));
    END IF;
    RETURN QUERY SELECT said, others;
END
$$;
COMMENT ON FUNCTION auth.end_totp(uuid, interval, text) IS
    'Switch a person''s authenticator app off; how many other sessions ended';

-- For the owner alone: all second factors of a person, who then proves a password alone. `but`: a session that goes on.
CREATE OR REPLACE FUNCTION auth.take_factors(person uuid, but uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF auth.has_second_factor(person) THEN
        DELETE FROM auth.passkeys p WHERE p.user_id = person;
        DELETE FROM auth.totp t WHERE t.user_id = person;
        RETURN auth.factor_taken(person, but, 'off');
    END IF;
    DELETE FROM auth.totp t WHERE t.user_id = person;
    RETURN auth.factors_changed(person, but);
END
$$;
COMMENT ON FUNCTION auth.take_factors(uuid, uuid) IS 'Take all second factors of a person away; how many sessions ended';

CREATE OR REPLACE FUNCTION auth.set_recovery_codes(person uuid, codes bytea[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM auth.recovery_codes c WHERE c.user_id = person;
    INSERT INTO auth.recovery_codes (code_hash, user_id) SELECT unnest(codes), person;
$$;
COMMENT ON FUNCTION auth.set_recovery_codes(uuid, bytea[]) IS 'Give a person new recovery codes; earlier ones are good no more';

-- New recovery codes, for somebody who has a second factor. outcome: renewed, none (they have none), stale.
CREATE OR REPLACE FUNCTION auth.renew_recovery_codes(session uuid, fresh interval, codes bytea[], address text)
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
        WHEN NOT auth.has_second_factor(person) THEN 'none'
        ELSE 'renewed'
    END;
    IF said = 'renewed' THEN
        PERFORM auth.set_recovery_codes(person, codes);
        others := auth.factors_changed(person, session);
        PERFORM auth.tell_of_factor(person, 'codes_renewed');
        PERFORM auth.note('user:' || person, NULL, 'factor.codes_renewed', 'user:' || person, address,
                          jsonb_build_object('sessions_ended', others));
    END IF;
    RETURN QUERY SELECT said, others;
END
$$;
COMMENT ON FUNCTION auth.renew_recovery_codes(uuid, interval, bytea[], text) IS
    'Give a session''s person new recovery codes; how many other sessions ended';

-- -- what needs a fresh session ----------------------------------------------------------------------------------------

-- Said once more in domain/commands/kinds.py, for the API; a test holds the two together.
CREATE OR REPLACE FUNCTION command.needs_fresh(kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT kind IN ('cancel_sim', 'cancel_subscription', 'reissue_esim', 'update_profile')
$$;
COMMENT ON FUNCTION command.needs_fresh(text) IS
    'Whether whoever asks for a kind of command must have proven a moment ago who they are';
