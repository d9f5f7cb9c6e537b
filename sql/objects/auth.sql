-- Who may come in. The API's log-in (role hub_auth) may call these functions and read no table: what it is not told here it
-- does not learn, whatever is asked of it. They read as the owner; the fixed search_path keeps others' objects out of them.

-- -- the audit ---------------------------------------------------------------------------------------------------------

-- What the hash of an entry is made of. As a JSON array, so that no two entries have the same text; moments as seconds, so
-- that it does not depend on a session's time zone.
CREATE OR REPLACE FUNCTION auth.audit_text(entry auth.audit) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_array(entry.seq, extract(epoch FROM entry.at), entry.actor, entry.on_behalf_of, entry.action,
                             entry.record, entry.address, entry.details)::text
$$;
COMMENT ON FUNCTION auth.audit_text(auth.audit) IS 'The text of an entry that its hash is made of';

-- Writers take turns, so that there is one chain however many write at once. Whoever calls this last in its transaction
-- holds the others up for no longer than its commit takes.
CREATE OR REPLACE FUNCTION auth.note(
    actor text, on_behalf_of text, action text, record text, address text, details jsonb DEFAULT '{}'
) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    entry auth.audit;
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('auth.audit'));
    SELECT a.seq, a.hash INTO newest FROM auth.audit a ORDER BY a.seq DESC LIMIT 1;
    entry.seq := coalesce(newest.seq, 0) + 1;
    entry.at := clock_timestamp();
    entry.actor := note.actor;
    entry.on_behalf_of := note.on_behalf_of;
    entry.action := note.action;
    entry.record := note.record;
    entry.address := note.address;
    entry.details := coalesce(note.details, '{}');
    entry.previous := coalesce(newest.hash, decode(repeat('00', 32), 'hex'));
    entry.hash := sha256(entry.previous || convert_to(auth.audit_text(entry), 'UTF8'));
    INSERT INTO auth.audit SELECT entry.*;
END
$$;
COMMENT ON FUNCTION auth.note(text, text, text, text, text, jsonb) IS 'Add an entry to the end of the audit''s chain';

CREATE OR REPLACE FUNCTION auth.keep_audit() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE OR REPLACE TRIGGER keep_audit BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit
    FOR EACH STATEMENT EXECUTE FUNCTION auth.keep_audit();

-- -- what is called back -----------------------------------------------------------------------------------------------

-- Whatever makes what a session's access tokens say untrue raises its epoch; whatever ends it sets revoked_at. Both are
-- told to every copy of the API by this trigger, whoever made the change and however.
CREATE OR REPLACE FUNCTION auth.call_back() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO auth.revocations (session_id, epoch, revoked_at)
    VALUES (NEW.id, CASE WHEN NEW.revoked_at IS NULL THEN NEW.epoch ELSE 2147483647 END, clock_timestamp());
    PERFORM pg_notify('hub_auth', '');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER call_back AFTER UPDATE OF epoch, revoked_at ON auth.sessions
    FOR EACH ROW WHEN (NEW.epoch > OLD.epoch OR NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL)
    EXECUTE FUNCTION auth.call_back();

-- Another role, or none any more; then nobody of support looks as them either, and no invitation is their way back.
CREATE OR REPLACE FUNCTION auth.watch_memberships() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE auth.sessions s SET epoch = s.epoch + 1
     WHERE s.user_id = OLD.user_id AND s.customer_id = OLD.customer_id AND s.revoked_at IS NULL;
    UPDATE auth.views v SET ended_at = clock_timestamp()
     WHERE v.user_id = OLD.user_id AND v.ended_at IS NULL AND v.expires_at > clock_timestamp()
       AND auth.seen_by(v.customer_id, v.user_id) IS NULL;
    IF TG_OP = 'DELETE' THEN
        PERFORM auth.withdraw_invitations(OLD.customer_id, u.email) FROM auth.users u WHERE u.id = OLD.user_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER watch_memberships AFTER UPDATE OR DELETE ON auth.memberships
    FOR EACH ROW EXECUTE FUNCTION auth.watch_memberships();

-- Who is locked is logged out everywhere at once.
CREATE OR REPLACE FUNCTION auth.watch_locks() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM auth.revoke_all(NEW.id, NULL, 'locked');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER watch_locks AFTER UPDATE OF locked_until ON auth.users
    FOR EACH ROW WHEN (NEW.locked_until > OLD.locked_until OR NEW.locked_until IS NOT NULL AND OLD.locked_until IS NULL)
    EXECUTE FUNCTION auth.watch_locks();

-- Whatever the reason is, it is one to ask for a code again wherever none was asked for.
CREATE OR REPLACE FUNCTION auth.revoke_all(person uuid, but uuid, why text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended integer;
BEGIN
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_why = why
     WHERE s.user_id = person AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM but;
    GET DIAGNOSTICS ended = ROW_COUNT;
    UPDATE auth.devices d SET expires_at = clock_timestamp() WHERE d.user_id = person AND d.expires_at > clock_timestamp();
    RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.revoke_all(uuid, uuid, text) IS
    'End every session of a person but one, and forget their devices; how many sessions that were';

-- What a copy of the API needs to check tokens: the keys that verify, and what was called back since a moment. Nothing that
-- would help to make a token, and nothing of any person.
CREATE OR REPLACE FUNCTION auth.verifying(since interval) RETURNS TABLE (keys json, called_back json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT coalesce(json_agg(json_build_object('kid', k.kid, 'public', encode(k.public_key, 'hex'))
                                     ORDER BY k.created_at, k.kid), '[]')
              FROM auth.signing_keys k WHERE k.verifies_until IS NULL OR k.verifies_until > clock_timestamp()),
           (SELECT coalesce(json_object_agg(r.session_id, r.epoch), '{}')
              FROM (SELECT session_id, max(epoch) AS epoch FROM auth.revocations
                     WHERE revoked_at > clock_timestamp() - since GROUP BY session_id) r)
$$;
COMMENT ON FUNCTION auth.verifying(interval) IS
    'Public keys that verify access tokens, and the epochs below which sessions'' tokens were called back lately';

CREATE OR REPLACE FUNCTION auth.signing_key() RETURNS TABLE (kid text, private_key bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.kid, k.private_key FROM auth.signing_keys k WHERE k.state = 'current'
$$;
COMMENT ON FUNCTION auth.signing_key() IS 'The key that signs access tokens now; no row: none was made yet';

-- For the owner alone: the next key signs from now on, the one before verifies for a while, and the new one comes next.
CREATE OR REPLACE FUNCTION auth.rotate_keys(kid text, public_key bytea, private_key bytea, verifies interval) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    current text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('auth.rotate_keys'));
    IF EXISTS (SELECT FROM auth.signing_keys k WHERE k.state = 'next') THEN
        UPDATE auth.signing_keys k
           SET state = 'retired', private_key = NULL, retired_at = clock_timestamp(),
               verifies_until = clock_timestamp() + verifies
         WHERE k.state = 'current';
        UPDATE auth.signing_keys k SET state = 'current' WHERE k.state = 'next' RETURNING k.kid INTO current;
    END IF;
    INSERT INTO auth.signing_keys (kid, algorithm, state, public_key, private_key, created_at)
    VALUES (rotate_keys.kid, 'EdDSA', 'next', rotate_keys.public_key, rotate_keys.private_key, clock_timestamp());
    PERFORM pg_notify('hub_auth', '');
    RETURN current;
END
$$;
COMMENT ON FUNCTION auth.rotate_keys(text, bytea, bytea, interval) IS
    'Let the next key of access tokens sign, retire the one before, publish another; which one signs now';

-- -- limits ------------------------------------------------------------------------------------------------------------

-- May this be tried now? limits: an array of {name, key, most, seconds}; a try counts for each of its keys. What is
-- refused is not counted, so that a lock ends by itself.
-- refused_by: the name of the limit that is reached and keeps it waiting longest; null: counted. Then: how many that limit
-- allows, how many are left, in how many seconds one more is, and the length of its window. Not refused: of the limit with
-- the least left.
CREATE OR REPLACE FUNCTION auth.attempt(kind text, limits jsonb)
    RETURNS TABLE (refused_by text, name text, most integer, remaining integer, resets_in integer, seconds integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    asked record;
    tightest record;
BEGIN
    -- In one order, so that two that share keys cannot wait for each other.
    FOR asked IN SELECT l.key FROM jsonb_to_recordset(limits) AS l (key text) ORDER BY l.key LOOP
        PERFORM pg_advisory_xact_lock(hashtext('auth.attempt'), hashtext(attempt.kind || asked.key));
    END LOOP;
    moment := clock_timestamp();
    SELECT l.name, l.most, l.seconds, l.most - tried.count AS remaining,
           greatest(ceil(extract(epoch FROM coalesce(tried.first, moment) - moment) + l.seconds), 1)::integer AS resets_in
      INTO tightest
      FROM jsonb_to_recordset(limits) AS l (name text, key text, most integer, seconds integer)
     CROSS JOIN LATERAL (SELECT count(*)::integer AS count, min(a.tried_at) AS first
                           FROM auth.attempts a
                          WHERE a.kind = attempt.kind AND a.key = l.key
                            AND a.tried_at > moment - l.seconds * interval '1 second') AS tried
     ORDER BY tried.count >= l.most DESC, CASE WHEN tried.count >= l.most THEN tried.first END DESC, l.most - tried.count
     LIMIT 1;
    IF tightest.remaining <= 0 THEN
        RETURN QUERY SELECT tightest.name, tightest.name, tightest.most, 0, tightest.resets_in, tightest.seconds;
        RETURN;
    END IF;
    INSERT INTO auth.attempts (kind, key, tried_at)
    SELECT DISTINCT attempt.kind, l.key, moment FROM jsonb_to_recordset(limits) AS l (key text);
    RETURN QUERY SELECT NULL::text, tightest.name, tightest.most, tightest.remaining - 1, tightest.resets_in,
                        tightest.seconds;
END
$$;
COMMENT ON FUNCTION auth.attempt(text, jsonb) IS
    'Count a try, unless one of its limits is reached: then say which, and when the next may come';

-- -- logging in --------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.known(email text)
    RETURNS TABLE (user_id uuid, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.password_hash FROM auth.users u WHERE lower(u.email) = lower(known.email)
$$;
COMMENT ON FUNCTION auth.known(text) IS 'The person with that e-mail address, and the hash of their password; no row: nobody';

-- For whom and as what a person may act now: the wanted customer where that is one of theirs, else the one they were given
-- first. No row: none. A customer that was deleted is nobody's. An agent who acts for none has a row all the same, without one.
CREATE OR REPLACE FUNCTION auth.acting(person uuid, wanted uuid) RETURNS TABLE (customer_id uuid, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.customer_id, a.role
      FROM (SELECT m.customer_id, m.role, m.created_at
              FROM auth.memberships m
              JOIN hub.customer_accounts named ON named.id = m.customer_id AND named.deleted_at IS NULL
             WHERE m.user_id = person
               AND NOT EXISTS (SELECT FROM hub.customers gone
                                WHERE gone.id = named.customer_id AND gone.deleted_at IS NOT NULL)
             UNION ALL
            SELECT NULL, 'read_only', 'infinity' FROM auth.users u WHERE u.id = person AND u.is_agent) a
     ORDER BY (a.customer_id = wanted) IS TRUE DESC, a.created_at, a.customer_id
     LIMIT 1
$$;
COMMENT ON FUNCTION auth.acting(uuid, uuid) IS
    'The customer that a person acts for, and as what; no row: for none; without a customer: an agent';

-- Hold on to what a person may act for until the end of the transaction: whoever takes it away waits, and then finds the
-- session that was begun or switched meanwhile, and calls its tokens back. To be called before a session is locked, as whoever
-- takes a membership away holds that and waits for sessions. False: it was taken away. No customer: there is nothing to hold.
CREATE OR REPLACE FUNCTION auth.hold(person uuid, customer uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM auth.memberships m WHERE m.user_id = person AND m.customer_id = customer FOR SHARE;
    RETURN FOUND OR customer IS NULL;
END
$$;
COMMENT ON FUNCTION auth.hold(uuid, uuid) IS 'Keep a membership as it is until the transaction ends; whether there is one';

-- A session begins, once its person has proved who they are: `verified` is the hash that the password was compared with,
-- for it may have been changed meanwhile; of somebody who proved no password, null. outcome: begun, refused (it was), locked, challenged (what they proved, `amr`, is not
-- enough for them, or not on this device), no_account (they may act for nobody).
-- rehashed: the same password's hash by today's parameters. forgiven: the key of the account's tries, which count no more.
-- codes: a password alone is not enough on a device that they have not logged in on before; shown: what their device is known by.
CREATE OR REPLACE FUNCTION auth.begin_session(
    session uuid, person uuid, verified text, rehashed text, token_hash bytea, device text, amr text[],
    lasts interval, forgiven text, address text, codes boolean DEFAULT false, shown bytea DEFAULT NULL
) RETURNS TABLE (outcome text, customer_id uuid, role text, epoch integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    who auth.users;
    chosen record;
BEGIN
    SELECT u.* INTO who FROM auth.users u WHERE u.id = person FOR NO KEY UPDATE;
    -- Made anew already: asked twice, as below.
    IF who.id IS NULL OR 'pwd' = ANY (amr) AND (who.password_hash = verified OR who.password_hash = rehashed) IS NOT TRUE THEN
        RETURN QUERY SELECT 'refused', NULL::uuid, NULL::text, NULL::integer;
        RETURN;
    END IF;
    IF who.locked_until > clock_timestamp() THEN
        PERFORM auth.note('user:' || person, NULL, 'login.refused', 'user:' || person, address, '{"why": "locked"}');
        RETURN QUERY SELECT 'locked', NULL::uuid, NULL::text, NULL::integer;
        RETURN;
    END IF;
    IF rehashed IS NOT NULL THEN
        UPDATE auth.users u SET password_hash = rehashed WHERE u.id = person;
        UPDATE auth.challenges c SET verified = rehashed WHERE c.user_id = person AND c.verified = begin_session.verified;
    END IF;
    IF cardinality(auth.still_needed(person, amr)) > 0 THEN
        RETURN QUERY SELECT 'challenged', NULL::uuid, NULL::text, NULL::integer;
        RETURN;
    END IF;
    IF codes AND amr = '{pwd}' AND NOT auth.knows_device(person, shown) THEN
        RETURN QUERY SELECT 'challenged', NULL::uuid, NULL::text, NULL::integer;
        RETURN;
    END IF;
    SELECT a.customer_id, a.role INTO chosen
      FROM auth.acting(person, (SELECT s.customer_id FROM auth.sessions s WHERE s.user_id = person
                                 ORDER BY s.last_used_at DESC LIMIT 1)) a;
    IF NOT FOUND OR NOT auth.hold(person, chosen.customer_id) THEN
        PERFORM auth.note('user:' || person, NULL, 'login.refused', 'user:' || person, address, '{"why": "no_account"}');
        RETURN QUERY SELECT 'no_account', NULL::uuid, NULL::text, NULL::integer;
        RETURN;
    END IF;
    DELETE FROM auth.attempts a WHERE a.kind = 'login' AND a.key = forgiven;
    -- Asked twice, where the connection broke before the answer came.
    INSERT INTO auth.sessions (id, user_id, customer_id, device, amr, expires_at)
    VALUES (session, person, chosen.customer_id, device, amr, clock_timestamp() + lasts)
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        INSERT INTO auth.refresh_tokens (token_hash, session_id, generation)
        VALUES (begin_session.token_hash, session, 0);
        PERFORM auth.note('user:' || person, NULL, 'login.succeeded', 'session:' || session, address,
                          jsonb_build_object('amr', amr));
    END IF;
    RETURN QUERY SELECT 'begun', chosen.customer_id, chosen.role, 0;
END
$$;
COMMENT ON FUNCTION auth.begin_session(
    uuid, uuid, text, text, bytea, text, text[], interval, text, text, boolean, bytea) IS
    'A person has logged in: their session, with the first of its refresh tokens';

-- A refresh token is exchanged for the next one, which whoever has both `token` and `salt` can compute. outcome:
-- rotated: it was. repeated: it was before, a moment ago, by this client, whose answer was lost: salts leads from it to the
--   family's newest token, which is good.
-- reused: it was before, by somebody else or long ago; one of the two stole it, so the session ends.
-- unknown, ended, no_account: there is no such token; its session is over; the person may act for nobody any more.
CREATE OR REPLACE FUNCTION auth.refresh(
    token bytea, salt bytea, successor bytea, client bytea, grace interval, lasts interval, longest interval, address text
) RETURNS TABLE (outcome text, session_id uuid, user_id uuid, customer_id uuid, role text, epoch integer, amr text[],
                 salts text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    family auth.sessions;
    shown auth.refresh_tokens;
    chosen record;
    moment timestamptz;
    said text;
BEGIN
    SELECT s.* INTO family FROM auth.sessions s
     WHERE s.id = (SELECT t.session_id FROM auth.refresh_tokens t WHERE t.token_hash = token) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::uuid, NULL::text, NULL::integer, NULL::text[],
                            NULL::text;
        RETURN;
    END IF;
    -- Looked at only now: whoever held the session before us may have exchanged it.
    SELECT t.* INTO shown FROM auth.refresh_tokens t WHERE t.token_hash = token;
    moment := clock_timestamp();
    said := CASE
        WHEN family.revoked_at IS NOT NULL OR family.expires_at <= moment THEN 'ended'
        WHEN shown.used_at IS NULL THEN 'rotated'
        WHEN shown.used_at > moment - grace AND shown.used_by = client THEN 'repeated'
        ELSE 'reused'
    END;
    IF said = 'reused' THEN
        UPDATE auth.sessions s SET revoked_at = moment, revoked_why = 'reused' WHERE s.id = family.id;
        UPDATE auth.devices d SET expires_at = moment WHERE d.user_id = family.user_id AND d.expires_at > moment;
        PERFORM auth.note('anybody', NULL, 'session.reused', 'session:' || family.id, address,
                          jsonb_build_object('generation', shown.generation));
    END IF;
    IF said IN ('rotated', 'repeated') THEN
        SELECT a.customer_id, a.role INTO chosen FROM auth.acting(family.user_id, family.customer_id) a;
        IF NOT FOUND THEN
            said := 'no_account';
        END IF;
    END IF;
    IF said = 'rotated' THEN
        UPDATE auth.refresh_tokens t SET used_at = moment, used_by = client, salt = refresh.salt
         WHERE t.token_hash = token;
        INSERT INTO auth.refresh_tokens (token_hash, session_id, generation, issued_at)
        VALUES (successor, family.id, shown.generation + 1, moment);
        UPDATE auth.sessions s
           SET last_used_at = moment, customer_id = chosen.customer_id,
               expires_at = least(moment + lasts, s.created_at + longest)
         WHERE s.id = family.id;
    END IF;
    IF said IN ('rotated', 'repeated') THEN
        RETURN QUERY
        SELECT said, family.id, family.user_id, chosen.customer_id, chosen.role, family.epoch, family.amr,
               (SELECT string_agg(encode(t.salt, 'hex'), ',' ORDER BY t.generation) FROM auth.refresh_tokens t
                 WHERE t.session_id = family.id AND t.generation >= shown.generation);
    ELSE
        RETURN QUERY SELECT said, family.id, family.user_id, NULL::uuid, NULL::text, NULL::integer, NULL::text[],
                            NULL::text;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.refresh(bytea, bytea, bytea, bytea, interval, interval, interval, text) IS
    'Exchange a refresh token for the next one; a token that is shown again by somebody else ends its session';

-- -- what a logged-in person may do ------------------------------------------------------------------------------------

-- The person behind a session that is still good, their accounts with what each is called, and which one they act for.
CREATE OR REPLACE FUNCTION auth.me(session uuid) RETURNS TABLE (person json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
               'id', u.id, 'email', u.email, 'session', s.id, 'amr', s.amr, 'customer', s.customer_id,
               'accounts', (SELECT coalesce(json_agg(json_build_object('customer', m.customer_id, 'role', m.role,
                                                                       'name', c.name, 'number', c.account_number)
                                                     ORDER BY m.created_at, m.customer_id), '[]')
                              FROM auth.memberships m
                              JOIN hub.customer_accounts named ON named.id = m.customer_id AND named.deleted_at IS NULL
                              JOIN hub.customers c ON c.id = named.customer_id AND c.deleted_at IS NULL
                             WHERE m.user_id = u.id),
               'isAgent', u.is_agent, 'viewedBy', NULL)
      FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
     WHERE s.id = session AND s.revoked_at IS NULL
$$;
COMMENT ON FUNCTION auth.me(uuid) IS 'Who a session''s person is and for whom they may act, as JSON; no row: it is over';

CREATE OR REPLACE FUNCTION auth.sessions_of(session uuid) RETURNS TABLE (sessions json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(json_agg(json_build_object('id', s.id, 'device', s.device, 'amr', s.amr, 'isThis', s.id = mine.id,
                                               'createdAt', s.created_at, 'lastUsedAt', s.last_used_at,
                                               'expiresAt', s.expires_at)
                             ORDER BY s.last_used_at DESC, s.id), '[]')
      FROM auth.sessions mine
      JOIN auth.sessions s ON s.user_id = mine.user_id AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
     WHERE mine.id = session AND mine.revoked_at IS NULL
$$;
COMMENT ON FUNCTION auth.sessions_of(uuid) IS 'The sessions of a session''s person that are good, as JSON, the latest used first';

-- Log out: one session of a session's own person. Another than one's own may be a lost device's: those that are called as it is are
-- asked for a code again. ended: whether there was one.
CREATE OR REPLACE FUNCTION auth.end_session(session uuid, which uuid, address text) RETURNS TABLE (ended boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person uuid;
    lost text;
BEGIN
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_why = 'logged_out'
      FROM auth.sessions mine
     WHERE mine.id = session AND s.id = which AND s.user_id = mine.user_id AND s.revoked_at IS NULL
    RETURNING s.user_id, s.device INTO person, lost;
    IF FOUND THEN
        UPDATE auth.devices d SET expires_at = clock_timestamp()
         WHERE which <> session AND d.user_id = person AND d.device = lost AND d.expires_at > clock_timestamp();
        PERFORM auth.note('user:' || person, NULL, 'session.ended', 'session:' || which, address);
    END IF;
    RETURN QUERY SELECT person IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth.end_session(uuid, uuid, text) IS 'End a session of a session''s own person; whether there was one';

-- The same for whoever shows a refresh token of it, whichever of its family.
CREATE OR REPLACE FUNCTION auth.end_session_of(token bytea, address text) RETURNS TABLE (ended boolean)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.ended FROM auth.refresh_tokens t CROSS JOIN LATERAL auth.end_session(t.session_id, t.session_id, address) e
     WHERE t.token_hash = token
$$;
COMMENT ON FUNCTION auth.end_session_of(bytea, text) IS 'End the session that a refresh token belongs to';

CREATE OR REPLACE FUNCTION auth.end_all_sessions(session uuid, address text) RETURNS TABLE (ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person constant uuid := (SELECT s.user_id FROM auth.sessions s WHERE s.id = session);
    ended integer;
BEGIN
    ended := auth.revoke_all(person, NULL, 'logged_out_everywhere');
    IF ended > 0 THEN
        PERFORM auth.note('user:' || person, NULL, 'session.all_ended', 'user:' || person, address,
                          jsonb_build_object('sessions', ended));
    END IF;
    RETURN QUERY SELECT ended;
END
$$;
COMMENT ON FUNCTION auth.end_all_sessions(uuid, text) IS 'End every session of a session''s person; how many that were';

-- Act for another customer from now on. No row: that is not one of the person's, or the session is over.
CREATE OR REPLACE FUNCTION auth.act_for(session uuid, customer uuid, address text)
    RETURNS TABLE (user_id uuid, customer_id uuid, role text, epoch integer, amr text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine auth.sessions;
    chosen record;
BEGIN
    PERFORM auth.hold((SELECT s.user_id FROM auth.sessions s WHERE s.id = session), customer);
    SELECT s.* INTO mine FROM auth.sessions s WHERE s.id = session AND s.revoked_at IS NULL FOR UPDATE;
    SELECT a.customer_id, a.role INTO chosen FROM auth.acting(mine.user_id, customer) a WHERE a.customer_id = customer;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- What its earlier tokens say is still true, but nobody wants to act for two customers from one page.
    UPDATE auth.sessions s SET customer_id = customer, epoch = s.epoch + 1 WHERE s.id = session;
    PERFORM auth.note('user:' || mine.user_id, NULL, 'session.switched', 'session:' || session, address,
                      jsonb_build_object('customer', customer));
    RETURN QUERY SELECT mine.user_id, customer, chosen.role, mine.epoch + 1, mine.amr;
END
$$;
COMMENT ON FUNCTION auth.act_for(uuid, uuid, text) IS 'A session acts for another of its person''s customers from now on';

CREATE OR REPLACE FUNCTION auth.password_of(session uuid) RETURNS TABLE (user_id uuid, email text, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.email, u.password_hash
      FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
     WHERE s.id = session AND s.revoked_at IS NULL
$$;
COMMENT ON FUNCTION auth.password_of(uuid) IS 'The person of a session and the hash of their password';

-- A new password, where the old one's hash is still the one that was compared. Every other session ends: whoever knew the
-- old password may have one. suffices: it is long enough to be all that is proven; one that is not needs a second factor.
-- ended: how many; null: it was not changed.
CREATE OR REPLACE FUNCTION auth.change_password(session uuid, verified text, hashed text, suffices boolean, address text)
    RETURNS TABLE (ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person uuid;
    others integer;
BEGIN
    -- Whoever switches the second factor off holds this row: only then is it known whether there is one.
    PERFORM FROM auth.users u WHERE u.id = (SELECT s.user_id FROM auth.sessions s WHERE s.id = session) FOR NO KEY UPDATE;
    UPDATE auth.users u
       SET password_hash = hashed, password_set_at = clock_timestamp(), password_suffices = suffices
      FROM auth.sessions s
     WHERE s.id = session AND s.revoked_at IS NULL AND u.id = s.user_id AND u.password_hash = verified
       AND (suffices OR cardinality(auth.second_methods(u.id)) > 0)
    RETURNING u.id INTO person;
    IF FOUND THEN
        others := auth.revoke_all(person, session, 'password_changed');
        PERFORM auth.note('user:' || person, NULL, 'password.changed', 'user:' || person, address,
                          jsonb_build_object('sessions_ended', others));
    END IF;
    RETURN QUERY SELECT others;
END
$$;
COMMENT ON FUNCTION auth.change_password(uuid, text, text, boolean, text) IS
    'Change the password of a session''s person and end their other sessions; how many those were';

-- -- housekeeping ------------------------------------------------------------------------------------------------------

-- Sessions that have been over for 30 days, log-ins that were not gone on with, tries of more than a day ago, what was called
-- back longer ago than any token lives, keys whose tokens have all ended, what support looked at a year ago, invitations, links
-- that change addresses, messages (auth_mail.sql) and sign-ups (auth_sign_up.sql).
CREATE OR REPLACE FUNCTION auth.forget() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    forgotten integer;
BEGIN
    DELETE FROM auth.sessions s
     WHERE s.expires_at < moment - interval '30 days' OR s.revoked_at < moment - interval '30 days';
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    DELETE FROM auth.challenges c WHERE c.expires_at < moment;
    DELETE FROM auth.ceremonies c WHERE c.expires_at < moment;
    DELETE FROM auth.devices d WHERE d.expires_at < moment;
    DELETE FROM auth.attempts a WHERE a.tried_at < moment - interval '1 day';
    DELETE FROM auth.revocations r WHERE r.revoked_at < moment - interval '2 days';
    DELETE FROM auth.signing_keys k WHERE k.verifies_until < moment - interval '30 days';
    DELETE FROM auth.email_changes c WHERE c.expires_at < moment - interval '30 days';
    DELETE FROM auth.invitations i WHERE i.expires_at < moment - interval '30 days';
    DELETE FROM auth.views v WHERE v.expires_at < moment - interval '1 year';
    PERFORM auth.forget_messages();
    PERFORM auth.forget_sign_ups();
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION auth.forget() IS 'Forget sessions, tries and keys that are of no more use; how many sessions';

-- -- roles -------------------------------------------------------------------------------------------------------------

-- May somebody with this role do that? `what`: a kind of command, or `pay_links`. Said once more in domain/commands/kinds.py,
-- for the API; a test holds the two together. Whoever has no role may do nothing.
CREATE OR REPLACE FUNCTION command.may(what text, role text) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(role = 'owner' OR CASE role
        WHEN 'billing' THEN what IN ('place_order', 'top_up', 'update_profile', 'update_address', 'pay_links', 'open_case',
                                     'add_comment', 'close_case', 'request_eligibility')
        WHEN 'technical' THEN what IN ('change_plan', 'change_voice', 'change_network', 'reissue_esim', 'open_case',
                                       'add_comment', 'close_case', 'request_eligibility')
    END, false)
$$;
COMMENT ON FUNCTION command.may(text, text) IS 'Whether a role may ask for a kind of command, or for pay_links';
