-- How somebody becomes a person who may log in, by themselves: a code proves their mailbox, and a command does the rest. The
-- person that comes of it has the sign-up's id, so whatever is asked twice makes one.

-- May anybody act for the customer that an account belongs to, by whichever of its ids they were given it?
CREATE OR REPLACE FUNCTION auth.is_somebodys(account uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM auth.memberships m
         WHERE m.customer_id = account
            OR m.customer_id IN (SELECT same.id FROM hub.customer_accounts mine
                                   JOIN hub.customer_accounts same ON same.customer_id = mine.customer_id
                                  WHERE mine.id = account))
$$;
COMMENT ON FUNCTION auth.is_somebodys(uuid) IS 'Whether a person may act for the customer that an account belongs to';

-- Is that the number of an account of the CRM that is nobody's yet: linked to no billing client, and no person acts for it?
-- Whoever was erased keeps their number.
CREATE OR REPLACE FUNCTION auth.is_free_number(number text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM hub.customer_accounts a
         WHERE a.source = 'salesforce' AND a.account_number = number AND a.deleted_at IS NULL
           AND a.partner_key IS NULL AND NOT auth.is_somebodys(a.id)
           AND NOT EXISTS (SELECT FROM sync.erased e WHERE e.account_id = a.id)
           AND NOT EXISTS (SELECT FROM hub.customer_accounts linked
                            WHERE linked.customer_id = a.customer_id AND linked.id <> a.id))
$$;
COMMENT ON FUNCTION auth.is_free_number(text) IS 'Whether a customer number is of an account that may be signed up for';

-- As whom we know whoever has a mailbox. To be told only to them.
CREATE OR REPLACE FUNCTION auth.known_as(email text, number text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM auth.users u WHERE lower(u.email) = lower(known_as.email)) THEN 'portal_account'
        WHEN EXISTS (SELECT FROM hub.customer_accounts a
                      WHERE lower(a.email) = lower(known_as.email) AND a.source = 'whmcs' AND a.deleted_at IS NULL)
        THEN 'whmcs_client'
        WHEN auth.is_free_number(number) THEN 'salesforce_account'
        ELSE 'new_customer' END
$$;
COMMENT ON FUNCTION auth.known_as(text, text) IS 'As whom the hub knows an e-mail address, or a customer number';

-- A code is sent to an address, whoever has it. What is stored is the same whether anybody is known by it. minutes: for how
-- long the code is good.
CREATE OR REPLACE FUNCTION auth.begin_sign_up(
    sign_up uuid, token_hash bytea, code_hash bytea, email text, language text, code text, address text
) RETURNS TABLE (minutes integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    good_for constant integer := 10;
    lasts constant interval := good_for * interval '1 minute';
BEGIN
    INSERT INTO auth.sign_ups (id, token_hash, code_hash, email, language, expires_at)
    VALUES (sign_up, begin_sign_up.token_hash, begin_sign_up.code_hash, begin_sign_up.email, begin_sign_up.language,
            clock_timestamp() + lasts)
    ON CONFLICT DO NOTHING;
    -- Not found: asked twice, where the connection broke before the answer came. The first message is enough.
    IF FOUND THEN
        PERFORM auth.post_to_address(email, language, 'sign_up_code', jsonb_build_object('minutes', good_for),
                                     jsonb_build_object('code', code), lasts);
        PERFORM auth.note('anybody', NULL, 'sign_up.begun', 'sign_up:' || sign_up, address);
    END IF;
    RETURN QUERY SELECT good_for;
END
$$;
COMMENT ON FUNCTION auth.begin_sign_up(uuid, bytea, bytea, text, text, text, text) IS
    'Send a code to an e-mail address, which proves that whoever shows it reads what comes there';

-- May the sign-up be gone on with? It is not too old, and what was guessed at five times is guessed at no more.
CREATE OR REPLACE FUNCTION auth.goes_on(sign_up auth.sign_ups) RETURNS boolean
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sign_up.expires_at > clock_timestamp() AND sign_up.tries < 5, false)
$$;
COMMENT ON FUNCTION auth.goes_on(auth.sign_ups) IS 'Whether a sign-up is neither too old nor guessed at too often';

-- A code is shown. outcome: as whom its mailbox is known; wrong: another code was sent; ended: there is no such sign-up, it
-- is too old, or was guessed at too often. number: the customer number that they say they have.
CREATE OR REPLACE FUNCTION auth.verify_sign_up(token_hash bytea, code_hash bytea, number text, address text)
    RETURNS TABLE (outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine auth.sign_ups;
BEGIN
    -- One at a time: of a hundred codes at once, so many are looked at as may be.
    SELECT s.* INTO mine FROM auth.sign_ups s WHERE s.token_hash = verify_sign_up.token_hash FOR UPDATE;
    IF NOT auth.goes_on(mine) THEN
        RETURN QUERY SELECT 'ended';
    ELSIF mine.code_hash IS DISTINCT FROM verify_sign_up.code_hash THEN
        UPDATE auth.sign_ups s SET tries = s.tries + 1 WHERE s.id = mine.id;
        PERFORM auth.note('anybody', NULL, 'sign_up.refused', 'sign_up:' || mine.id, address, '{"why": "wrong_code"}');
        RETURN QUERY SELECT 'wrong';
    ELSIF mine.verified_at IS NOT NULL THEN
        RETURN QUERY SELECT mine.known_as;
    ELSE
        mine.known_as := auth.known_as(mine.email, number);
        UPDATE auth.sign_ups s
           SET verified_at = clock_timestamp(), known_as = mine.known_as,
               expires_at = clock_timestamp() + interval '1 hour'
         WHERE s.id = mine.id;
        PERFORM auth.note('anybody', NULL, 'sign_up.verified', 'sign_up:' || mine.id, address,
                          jsonb_build_object('known_as', mine.known_as));
        RETURN QUERY SELECT mine.known_as;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.verify_sign_up(bytea, bytea, text, text) IS
    'Prove a mailbox by the code that was sent to it: as whom it is known';

-- A sign-up by its token. state: code_sent, verified, working, ready (the person may log in, and has a customer to act for),
-- failed, needs_attention (also where an operator said that it succeeded, and nobody was let in). No row: there is none, or it is
-- too old.
CREATE OR REPLACE FUNCTION auth.sign_up(token_hash bytea)
    RETURNS TABLE (email text, state text, known_as text, command uuid, failure_code text, failure_reason text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.email,
           CASE WHEN EXISTS (SELECT FROM auth.acting(s.id, NULL)) THEN 'ready'
                WHEN c.status = 'dead' OR c.status = 'succeeded' AND NOT EXISTS (SELECT FROM auth.users u WHERE u.id = s.id)
                THEN 'needs_attention'
                WHEN c.status IN ('failed', 'cancelled') THEN 'failed'
                WHEN c.id IS NOT NULL THEN 'working'
                WHEN s.verified_at IS NOT NULL THEN 'verified'
                ELSE 'code_sent' END,
           s.known_as, s.command_id, c.failure_code, c.failure_reason
      FROM auth.sign_ups s
      LEFT JOIN command.commands c ON c.id = s.command_id
     WHERE s.token_hash = sign_up.token_hash AND (s.expires_at > clock_timestamp() OR s.command_id IS NOT NULL)
$$;
COMMENT ON FUNCTION auth.sign_up(bytea) IS 'Where a sign-up stands, by its token; no row: there is none that is good';

-- Whoever proved their mailbox gives the rest: a command does it, once for each sign-up. The command is nobody's but the
-- sign-up's until there is a customer: no role of the API can read it, and what becomes of it is told by auth.sign_up.
-- outcome: accepted; ended (there is no such sign-up, or its mailbox was not proven in time); portal_account, whmcs_client (the
-- mailbox is theirs by now); number_unknown (is not free); under_way (another sign-up has the same mailbox, or number). Asked
-- again, what was said first counts, but for the password: whoever cannot tell which of two answers was lost tries the newest.
CREATE OR REPLACE FUNCTION auth.complete_sign_up(
    token_hash bytea, command uuid, hashed text, input jsonb, request_id text, address text
) RETURNS TABLE (outcome text, command_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    deadline constant interval := interval '1 day';
    number constant text := input ->> 'customerNumber';
    mine auth.sign_ups;
    known text;
    refused text;
BEGIN
    SELECT s.* INTO mine FROM auth.sign_ups s WHERE s.token_hash = complete_sign_up.token_hash FOR UPDATE;
    IF mine.command_id IS NOT NULL THEN
        -- There is no password here any more once the person has one, or cannot get in.
        UPDATE auth.sign_ups s SET password_hash = hashed WHERE s.id = mine.id AND s.password_hash IS NOT NULL;
        RETURN QUERY SELECT 'accepted', mine.command_id;
        RETURN;
    END IF;
    IF mine.verified_at IS NULL OR NOT auth.goes_on(mine) THEN
        RETURN QUERY SELECT 'ended', NULL::uuid;
        RETURN;
    END IF;
    PERFORM auth.take_turns(mine.email, number);
    known := auth.known_as(mine.email, number);
    refused := CASE
        WHEN known IN ('portal_account', 'whmcs_client') THEN known
        WHEN number IS NOT NULL AND known <> 'salesforce_account' THEN 'number_unknown'
        WHEN EXISTS (SELECT FROM auth.sign_ups other JOIN command.commands c ON c.id = other.command_id
                      WHERE (lower(other.email) = lower(mine.email) OR c.input ->> 'customerNumber' = number)
                        AND c.status IN ('accepted', 'running', 'waiting', 'dead')) THEN 'under_way'
    END;
    IF refused = 'number_unknown' THEN
        -- Else whoever has a mailbox could ask for one number after the other.
        UPDATE auth.sign_ups s SET tries = s.tries + 1 WHERE s.id = mine.id;
        PERFORM auth.note('anybody', NULL, 'sign_up.refused', 'sign_up:' || mine.id, address, '{"why": "number_unknown"}');
    END IF;
    IF refused IS NOT NULL THEN
        RETURN QUERY SELECT refused, NULL::uuid;
        RETURN;
    END IF;
    UPDATE auth.sign_ups s
       SET password_hash = hashed, command_id = complete_sign_up.command, expires_at = clock_timestamp() + deadline
     WHERE s.id = mine.id;
    PERFORM auth.store_sign_up(mine.id, command, 'sign_up',
                               input || jsonb_build_object('email', mine.email, 'language', mine.language),
                               request_id, deadline);
    PERFORM auth.note('anybody', NULL, 'sign_up.completed', 'sign_up:' || mine.id, address,
                      jsonb_build_object('command', complete_sign_up.command));
    RETURN QUERY SELECT 'accepted', complete_sign_up.command;
END
$$;
COMMENT ON FUNCTION auth.complete_sign_up(bytea, uuid, text, jsonb, text, text) IS
    'Store the command that makes a customer of whoever proved their mailbox; what became of it';

-- Whoever proved their mailbox, and whom WHMCS knows by their password there, chooses one here: a command does the rest.
-- client: theirs in WHMCS, of the same address; null: nobody's password that was. account: what the sync calls it. Asked
-- again, what was said first counts, but for the password here.
-- outcome: accepted; ended, under_way: as of auth.complete_sign_up; refused: wrong, linked already, or somebody has the
-- address. Never says which.
CREATE OR REPLACE FUNCTION auth.begin_link(
    token_hash bytea, command uuid, hashed text, client text, account uuid, request_id text, deadline interval, address text
) RETURNS TABLE (outcome text, command_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine auth.sign_ups;
    refused text;
BEGIN
    SELECT s.* INTO mine FROM auth.sign_ups s WHERE s.token_hash = begin_link.token_hash FOR UPDATE;
    IF mine.command_id IS NULL AND (mine.verified_at IS NULL OR NOT auth.goes_on(mine)) THEN
        RETURN QUERY SELECT 'ended', NULL::uuid;
        RETURN;
    END IF;
    PERFORM auth.take_turns(mine.email, NULL);
    refused := CASE
        WHEN client IS NULL THEN 'wrong_password'
        WHEN mine.command_id IS NOT NULL THEN NULL
        WHEN EXISTS (SELECT FROM auth.users u WHERE lower(u.email) = lower(mine.email)) THEN 'email_taken'
        WHEN auth.is_somebodys(account) THEN 'account_taken'
    END;
    IF refused IS NOT NULL THEN
        PERFORM auth.note('anybody', NULL, 'link.refused', 'sign_up:' || mine.id, address,
                          jsonb_build_object('why', refused));
        RETURN QUERY SELECT 'refused', NULL::uuid;
    ELSIF mine.command_id IS NOT NULL AND mine.kind = 'link_whmcs' THEN
        UPDATE auth.sign_ups s SET password_hash = begin_link.hashed WHERE s.id = mine.id AND s.password_hash IS NOT NULL;
        RETURN QUERY SELECT 'accepted', mine.command_id;
    ELSIF EXISTS (SELECT FROM auth.sign_ups s JOIN command.commands c ON c.id = s.command_id
                   WHERE lower(s.email) = lower(mine.email)
                     AND c.status IN ('accepted', 'running', 'waiting', 'dead')) THEN
        RETURN QUERY SELECT 'under_way', NULL::uuid;
    ELSE
        UPDATE auth.sign_ups s
           SET kind = 'link_whmcs', known_as = 'whmcs_client', password_hash = hashed,
               command_id = begin_link.command, expires_at = clock_timestamp() + deadline
         WHERE s.id = mine.id;
        PERFORM auth.store_sign_up(mine.id, command, 'link_whmcs', jsonb_build_object('client', client), request_id,
                                   deadline);
        PERFORM auth.note('anybody', NULL, 'link.begun', 'sign_up:' || mine.id, address,
                          jsonb_build_object('command', begin_link.command));
        RETURN QUERY SELECT 'accepted', begin_link.command;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.begin_link(bytea, uuid, text, text, uuid, text, interval, text) IS
    'Store the command that lets in whoever proved their mailbox, and to be the owner of a billing client';

-- Two sign-ups of one mailbox take turns, and two of one customer number: the second one finds the first. In this order, so that
-- nobody waits for somebody who waits for them.
CREATE OR REPLACE FUNCTION auth.take_turns(email text, number text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtext('auth.sign_up'), hashtext(lower(email)));
    SELECT pg_advisory_xact_lock(hashtext('auth.sign_up_number'), hashtext(number)) WHERE number IS NOT NULL;
$$;
COMMENT ON FUNCTION auth.take_turns(text, text) IS 'Wait for other sign-ups of the same mailbox, or customer number, to commit';

CREATE OR REPLACE FUNCTION auth.store_sign_up(
    sign_up uuid, command uuid, kind text, input jsonb, request_id text, deadline interval
) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO command.commands (id, kind, customer_id, account_id, subject_kind, subject_id, lane, idempotency_key,
                                  request_hash, input, request_id, deadline_at)
    VALUES (command, store_sign_up.kind, sign_up, sign_up, 'sign_ups', sign_up,
            coalesce('number:' || (store_sign_up.input ->> 'customerNumber'), 'sign_ups:' || sign_up), sign_up::text,
            'sign_up', store_sign_up.input, store_sign_up.request_id, clock_timestamp() + deadline);
    PERFORM pg_notify('hub_commands', store_sign_up.kind);
END
$$;
COMMENT ON FUNCTION auth.store_sign_up(uuid, uuid, text, jsonb, text, interval) IS 'Store a sign-up''s command, and wake the forwarders';

-- A sign-up's command has a billing account for its person: they may log in from now on, as its owner. The command is that
-- customer's from now on, and whatever is erased or exported of the customer is of it too. account: what the sync will call
-- the account. outcome: in; email_taken, account_taken: somebody else has the address, or acts for the account, or for that of
-- their customer number, by now; account_erased: the account is of somebody who wants to be forgotten.
-- Only while the sign-up's command is being done, and never without one.
CREATE OR REPLACE FUNCTION auth.let_in(command uuid, account uuid) RETURNS TABLE (outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine auth.sign_ups;
    number text;
BEGIN
    SELECT s.* INTO mine
      FROM auth.sign_ups s JOIN command.commands c ON c.id = s.command_id
     WHERE s.command_id = let_in.command AND c.status = 'running'
       FOR UPDATE OF s;
    IF mine.id IS NULL THEN
        RETURN QUERY SELECT 'unknown';
        RETURN;
    END IF;
    number := (SELECT c.input ->> 'customerNumber' FROM command.commands c WHERE c.id = let_in.command);
    PERFORM auth.take_turns(mine.email, number);
    -- Two that would act for one account take turns as well.
    PERFORM pg_advisory_xact_lock(hashtext('auth.let_in'), hashtext(account::text));
    IF EXISTS (SELECT FROM auth.memberships m WHERE m.user_id = mine.id AND m.customer_id = account) THEN
        RETURN QUERY SELECT 'in';
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM auth.users u WHERE lower(u.email) = lower(mine.email)) THEN
        RETURN QUERY SELECT 'email_taken';
        RETURN;
    END IF;
    IF auth.is_somebodys(account) OR number IS NOT NULL AND NOT auth.is_free_number(number) THEN
        RETURN QUERY SELECT 'account_taken';
        RETURN;
    END IF;
    -- The command may have waited for an operator while the account was erased.
    IF EXISTS (SELECT FROM sync.erased e WHERE e.account_id = let_in.account) THEN
        RETURN QUERY SELECT 'account_erased';
        RETURN;
    END IF;
    INSERT INTO auth.users (id, email, language, password_hash, password_set_at)
    VALUES (mine.id, mine.email, mine.language, mine.password_hash, clock_timestamp());
    INSERT INTO auth.memberships (user_id, customer_id, role) VALUES (mine.id, account, 'owner');
    UPDATE auth.sign_ups s SET password_hash = NULL WHERE s.id = mine.id;
    UPDATE command.commands c SET customer_id = account, account_id = account WHERE c.id = let_in.command;
    PERFORM auth.post(mine.id, 'signed_up');
    PERFORM auth.note('user:' || mine.id, NULL, 'sign_up.let_in', 'user:' || mine.id, NULL,
                      jsonb_build_object('customer', account, 'command', let_in.command));
    RETURN QUERY SELECT 'in';
END
$$;
COMMENT ON FUNCTION auth.let_in(uuid, uuid) IS 'Make a person of whoever signed up, who may act for their account';

-- A password that lets nobody in is kept no longer than its command goes on.
CREATE OR REPLACE FUNCTION auth.end_sign_up() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE auth.sign_ups s SET password_hash = NULL WHERE s.command_id = NEW.id AND s.password_hash IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER end_sign_up AFTER UPDATE OF status ON command.commands
    FOR EACH ROW WHEN (NEW.subject_kind = 'sign_ups' AND NEW.status IN ('succeeded', 'failed', 'cancelled'))
    EXECUTE FUNCTION auth.end_sign_up();

-- A day after they ended. What an operator is still to look at stays, without the password: whoever is let in by then sets one by
-- a link.
CREATE OR REPLACE FUNCTION auth.forget_sign_ups() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE auth.sign_ups s SET password_hash = NULL
      FROM command.commands c
     WHERE c.id = s.command_id AND c.status = 'dead' AND s.expires_at < clock_timestamp() - interval '1 day'
       AND s.password_hash IS NOT NULL;
    DELETE FROM auth.sign_ups s
     WHERE s.expires_at < clock_timestamp() - interval '1 day'
       AND NOT EXISTS (SELECT FROM command.commands c
                        WHERE c.id = s.command_id AND c.status IN ('accepted', 'running', 'waiting', 'dead'))
$$;
COMMENT ON FUNCTION auth.forget_sign_ups() IS 'Forget sign-ups that ended long enough ago';
