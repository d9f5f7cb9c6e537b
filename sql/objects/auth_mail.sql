-- What people are told by e-mail. A message is stored in the transaction that makes what it tells of true, by the functions
-- and triggers below, so it is sent if and only if that happened; `hub apply` sends what is stored (pipelines/mail).

-- -- storing messages --------------------------------------------------------------------------------------------------

-- Tell a person something: the one way to send an e-mail, for functions of this schema.
-- template: a name of pipelines/mail/templates. facts: what it fills in, as a JSON object. secret: the same for what lets
-- somebody in, a code or a token; it is deleted as soon as the message was sent, or cannot be any more. lasts: for how long
-- the message is worth sending; with a secret, no longer than that is good for. The id is that of the message; no such
-- person: null.
CREATE OR REPLACE FUNCTION auth.post(
    person uuid, template text, facts jsonb DEFAULT '{}', secret jsonb DEFAULT NULL,
    lasts interval DEFAULT interval '3 days'
) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message uuid;
BEGIN
    INSERT INTO auth.messages (id, user_id, email, language, template, facts, secret, carries_secret, useful_until)
    SELECT gen_random_uuid(), u.id, u.email, u.language, post.template, coalesce(post.facts, '{}'), post.secret,
           post.secret IS NOT NULL, clock_timestamp() + lasts
      FROM auth.users u WHERE u.id = person
    RETURNING id INTO message;
    PERFORM pg_notify('hub_mail', '');
    RETURN message;
END
$$;
COMMENT ON FUNCTION auth.post(uuid, text, jsonb, jsonb, interval) IS 'Tell a person something by e-mail, if this transaction commits';

-- Tell whoever has an e-mail address something, if anybody has it. Whether somebody does is looked up when it is sent, so
-- whoever caused this learns nothing, neither from an answer nor from how long it took.
CREATE OR REPLACE FUNCTION auth.post_to_whoever_has(
    email text, template text, facts jsonb, secret jsonb, lasts interval
) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message constant uuid := gen_random_uuid();
BEGIN
    INSERT INTO auth.messages (id, email, template, facts, secret, carries_secret, useful_until)
    VALUES (message, post_to_whoever_has.email, post_to_whoever_has.template, post_to_whoever_has.facts,
            post_to_whoever_has.secret, post_to_whoever_has.secret IS NOT NULL, clock_timestamp() + lasts);
    PERFORM pg_notify('hub_mail', '');
    RETURN message;
END
$$;
COMMENT ON FUNCTION auth.post_to_whoever_has(text, text, jsonb, jsonb, interval) IS
    'Tell the person with that e-mail address something, if there is one; that is looked up later';

-- Tell an address something, whoever has it: for what proves that somebody reads what comes there.
CREATE OR REPLACE FUNCTION auth.post_to_address(
    email text, language text, template text, facts jsonb, secret jsonb, lasts interval
) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message constant uuid := gen_random_uuid();
BEGIN
    INSERT INTO auth.messages (id, email, language, template, facts, secret, carries_secret, useful_until, to_anybody)
    VALUES (message, post_to_address.email, post_to_address.language, post_to_address.template, post_to_address.facts,
            post_to_address.secret, post_to_address.secret IS NOT NULL, clock_timestamp() + lasts, true);
    PERFORM pg_notify('hub_mail', '');
    RETURN message;
END
$$;
COMMENT ON FUNCTION auth.post_to_address(text, text, text, jsonb, jsonb, interval) IS
    'Tell an e-mail address something, whoever has it';

-- -- what is told of, whoever does it and however ----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.tell_of_reuse() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM auth.post(NEW.user_id, 'session_reused',
                      jsonb_build_object('device', NEW.device, 'began_at', NEW.created_at));
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tell_of_reuse AFTER UPDATE OF revoked_at ON auth.sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND NEW.revoked_why = 'reused')
    EXECUTE FUNCTION auth.tell_of_reuse();

-- A lock that ends by itself is not told of again: its message said when it would. `until` is left out of one that only an
-- operator ends. Whoever is erased, which locks them too, has no address any more.
CREATE OR REPLACE FUNCTION auth.tell_of_lock() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    until jsonb := CASE WHEN NEW.locked_until < moment + interval '10 years' THEN to_jsonb(NEW.locked_until) END;
BEGIN
    IF NEW.locked_until > moment THEN
        PERFORM auth.post(NEW.id, 'person_locked', jsonb_build_object('until', until));
    ELSIF OLD.locked_until > moment THEN
        PERFORM auth.post(NEW.id, 'person_unlocked');
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tell_of_lock AFTER UPDATE OF locked_until ON auth.users
    FOR EACH ROW WHEN (NEW.locked_until IS DISTINCT FROM OLD.locked_until AND NEW.email = OLD.email)
    EXECUTE FUNCTION auth.tell_of_lock();

-- No link that was asked for or sent before sets a person's password any more: neither what is theirs already, nor what is for
-- whoever has their address and was not sent yet.
CREATE OR REPLACE FUNCTION auth.end_password_links(person uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE auth.password_links l SET used_at = clock_timestamp()
      FROM auth.users u, auth.messages m
     WHERE u.id = person AND m.id = l.message_id AND l.used_at IS NULL
       AND (m.user_id = u.id OR m.user_id IS NULL AND lower(m.email) = lower(u.email))
$$;
COMMENT ON FUNCTION auth.end_password_links(uuid) IS 'End every link that would set a person''s password';

-- Another password, or none any more: links end. A hash that is only made anew, by today's parameters, is of the same password.
CREATE OR REPLACE FUNCTION auth.tell_of_password() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM auth.end_password_links(NEW.id);
    PERFORM auth.end_email_changes(NEW.id);
    IF NEW.password_hash IS NOT NULL THEN
        -- A passkey lets its holder in without the password, and is theirs still.
        PERFORM auth.post(NEW.id, 'password_changed', jsonb_build_object(
            'passkeys', (SELECT count(*) FROM auth.passkeys p WHERE p.user_id = NEW.id)));
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tell_of_password AFTER UPDATE OF password_set_at, password_hash ON auth.users
    FOR EACH ROW WHEN (NEW.password_set_at IS DISTINCT FROM OLD.password_set_at
                       OR NEW.password_hash IS NULL AND OLD.password_hash IS NOT NULL)
    EXECUTE FUNCTION auth.tell_of_password();

-- Another address: links to the former one end, as whoever reads it may be somebody else by now. What was for whoever has it is
-- sent to nobody, and stays that person's: an erasure that was cut short finds it again.
CREATE OR REPLACE FUNCTION auth.keep_messages() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE auth.messages m
       SET user_id = NEW.id, state = 'dead', secret = NULL, ended_at = coalesce(m.ended_at, clock_timestamp()),
           reason = coalesce(m.reason, 'nobody has the address any more')
     WHERE m.user_id IS NULL AND lower(m.email) = lower(OLD.email);
    -- Only now: whoever took one meanwhile was waited for, and made it this person's.
    PERFORM auth.end_password_links(NEW.id);
    PERFORM auth.end_email_changes(NEW.id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER keep_messages AFTER UPDATE OF email ON auth.users
    FOR EACH ROW WHEN (lower(NEW.email) <> lower(OLD.email)) EXECUTE FUNCTION auth.keep_messages();

-- A person's second factors are others (auth_factors.sql). what: on, app_off, passkey_on, passkey_off, off (the last
-- one went), codes_renewed or code_used. left: so many recovery codes are good.
CREATE OR REPLACE FUNCTION auth.tell_of_factor(person uuid, what text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT auth.post(person, 'factor_changed', jsonb_build_object(
        'what', what,
        'left', (SELECT count(*) FROM auth.recovery_codes c WHERE c.user_id = person AND c.used_at IS NULL)))
$$;
COMMENT ON FUNCTION auth.tell_of_factor(uuid, text) IS 'Tell a person by e-mail that their second factors changed';

-- Somebody tries an account so often that they must wait. limits: as of auth.attempt, how often that may be told.
CREATE OR REPLACE FUNCTION auth.tell_limited(email text, limits jsonb, address text) RETURNS TABLE (told boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    told := (SELECT a.refused_by IS NULL FROM auth.attempt('told', limits) a);
    IF told THEN
        PERFORM auth.post_to_whoever_has(email, 'login_limited', jsonb_build_object('address', address), NULL,
                                         interval '1 day');
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.tell_limited(text, jsonb, text) IS
    'Tell whoever has an e-mail address that their account is tried too often, unless they were told lately';

-- -- setting a password by a link --------------------------------------------------------------------------------------

-- Somebody says that they forgot the password of an account. What is written is the same whether there is such an account,
-- so it takes as long.
CREATE OR REPLACE FUNCTION auth.request_password_link(
    email text, token_hash bytea, token text, minutes integer, address text
) RETURNS TABLE (message_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lasts constant interval := minutes * interval '1 minute';
BEGIN
    message_id := auth.post_to_whoever_has(email, 'password_link', jsonb_build_object('minutes', minutes),
                                           jsonb_build_object('token', token), lasts);
    INSERT INTO auth.password_links (token_hash, message_id, expires_at)
    VALUES (request_password_link.token_hash, request_password_link.message_id, clock_timestamp() + lasts)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM auth.note('anybody', NULL, 'password.link_requested', 'message:' || message_id, address);
    ELSE
        -- Asked twice, where the connection broke before the answer came: the first message is enough.
        DELETE FROM auth.messages m WHERE m.id = request_password_link.message_id;
        message_id := (SELECT l.message_id FROM auth.password_links l
                        WHERE l.token_hash = request_password_link.token_hash);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.request_password_link(text, bytea, text, integer, text) IS
    'Send a link that sets a password to whoever has an e-mail address, if anybody has';

-- For the owner alone: an operator has a link sent, which is then the person's only one. template: welcome, or
-- password_withdrawn.
CREATE OR REPLACE FUNCTION auth.send_password_link(
    person uuid, template text, token_hash bytea, token text, hours integer
) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lasts constant interval := hours * interval '1 hour';
    message constant uuid := auth.post(person, template, jsonb_build_object('hours', hours),
                                       jsonb_build_object('token', token), lasts);
BEGIN
    PERFORM auth.end_password_links(person);
    INSERT INTO auth.password_links (token_hash, message_id, expires_at)
    VALUES (send_password_link.token_hash, message, clock_timestamp() + lasts);
    RETURN message;
END
$$;
COMMENT ON FUNCTION auth.send_password_link(uuid, text, bytea, text, integer) IS 'Send a person a link that sets their password';

-- Whose password a link may set, while it is good.
CREATE OR REPLACE FUNCTION auth.password_link(token_hash bytea) RETURNS TABLE (user_id uuid, email text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.email
      FROM auth.password_links l
      JOIN auth.messages m ON m.id = l.message_id
      JOIN auth.users u ON u.id = m.user_id
     WHERE l.token_hash = password_link.token_hash AND l.used_at IS NULL AND l.expires_at > clock_timestamp()
$$;
COMMENT ON FUNCTION auth.password_link(bytea) IS 'The person whose password a link may set; no row: it is good no more, or never was';

-- Set the password of a link's person, once, and end every session of theirs. What an operator locked stays locked.
-- suffices: as of auth.change_password. forgiven: the key of the account's tries, which count no more. ended: how many
-- sessions; null: the link is not good, or for a longer password only, since the second factor was taken away meanwhile.
CREATE OR REPLACE FUNCTION auth.set_password_by_link(
    token_hash bytea, hashed text, suffices boolean, forgiven text, address text
) RETURNS TABLE (ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    person constant uuid := (SELECT m.user_id FROM auth.password_links l JOIN auth.messages m ON m.id = l.message_id
                              WHERE l.token_hash = set_password_by_link.token_hash);
    sessions integer;
BEGIN
    -- The person's row is what all take turns at, whichever of their links they use; then the link is looked at again. NO KEY:
    -- a message to the person, whose foreign key holds on to that row, neither waits for this nor is waited for.
    PERFORM FROM auth.users u WHERE u.id = person FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM auth.password_link(set_password_by_link.token_hash))
       AND (suffices OR cardinality(auth.second_methods(person)) > 0) THEN
        -- The trigger above ends this link and the person's others, and tells them.
        UPDATE auth.users u
           SET password_hash = hashed, password_set_at = clock_timestamp(), password_suffices = suffices
         WHERE u.id = person;
        sessions := auth.revoke_all(person, NULL, 'password_reset');
        DELETE FROM auth.attempts a WHERE a.kind = 'login' AND a.key = forgiven;
        PERFORM auth.note('user:' || person, NULL, 'password.reset', 'user:' || person, address,
                          jsonb_build_object('sessions_ended', sessions));
    ELSIF EXISTS (SELECT FROM auth.users u WHERE u.id = person AND u.password_hash = hashed) THEN
        -- Asked twice, as above. No two tries have the same hash, even of the same password: each is salted.
        sessions := 0;
    END IF;
    RETURN QUERY SELECT sessions;
END
$$;
COMMENT ON FUNCTION auth.set_password_by_link(bytea, text, boolean, text, text) IS
    'Set a password by a link that was sent, and end every session; how many those were';

-- -- sending -----------------------------------------------------------------------------------------------------------

-- What came too late to be of use, or was tried as often as a message is: it is not sent, and lets nobody in any more.
CREATE OR REPLACE FUNCTION auth.give_up_messages() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE auth.messages m
       SET state = 'dead', ended_at = clock_timestamp(), secret = NULL, lease_until = NULL,
           reason = CASE WHEN m.useful_until <= clock_timestamp() THEN 'too late to be of use' ELSE 'tried too often' END
                    || coalesce('; before: ' || m.reason, '')
     WHERE m.id IN (SELECT late.id FROM auth.messages late
                     WHERE late.state = 'waiting' AND (late.useful_until <= clock_timestamp() OR late.attempts >= 12)
                       AND (late.lease_until IS NULL OR late.lease_until < clock_timestamp())
                       FOR UPDATE SKIP LOCKED)
$$;
COMMENT ON FUNCTION auth.give_up_messages() IS 'Send no more what is of no use any more, or was tried too often';

-- Take the message that has waited longest, for so long; whoever took it before and has said nothing since may have died.
-- No row: none is due. A message for the person who has an address, where no person has it, is deleted.
CREATE OR REPLACE FUNCTION auth.claim_message(lease interval)
    RETURNS TABLE (id uuid, claim integer, template text, language text, email text, facts jsonb, posted_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    due auth.messages;
    who auth.users;
BEGIN
    PERFORM auth.give_up_messages();
    LOOP
        SELECT m.* INTO due FROM auth.messages m
         WHERE m.state = 'waiting' AND m.due_at <= clock_timestamp()
           AND (m.lease_until IS NULL OR m.lease_until < clock_timestamp())
         ORDER BY m.due_at, m.id LIMIT 1 FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        IF due.user_id IS NULL AND NOT due.to_anybody THEN
            SELECT u.* INTO who FROM auth.users u WHERE lower(u.email) = lower(due.email);
            IF NOT FOUND THEN
                DELETE FROM auth.messages m WHERE m.id = due.id;
                CONTINUE;
            END IF;
            -- To the address as it was given to us, not as somebody typed it.
            due.user_id := who.id;
            due.email := who.email;
            due.language := who.language;
        END IF;
        RETURN QUERY
        UPDATE auth.messages m
           SET user_id = due.user_id, email = due.email, language = due.language, claim = m.claim + 1,
               attempts = m.attempts + 1, lease_until = clock_timestamp() + lease
         WHERE m.id = due.id
        RETURNING m.id, m.claim, m.template, m.language, m.email, m.facts || coalesce(m.secret, '{}'), m.posted_at;
        -- Last: who holds the audit must wait for nobody, and what is written above may wait for the person's row.
        IF who.id IS NOT NULL AND due.template = 'password_link' THEN
            PERFORM auth.note('anybody', NULL, 'password.link_made', 'user:' || who.id, NULL,
                              jsonb_build_object('message', due.id));
        END IF;
        EXIT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.claim_message(interval) IS 'Take the message that is to be sent next; no row: none is due';

-- What became of a message that was taken. outcome: sent; refused, for good; again, later each time; returned, because
-- nothing could be sent at all, which is not counted. Of a claim that another took over since, nothing is believed.
CREATE OR REPLACE FUNCTION auth.end_claim(message uuid, claim integer, outcome text, reason text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    is_over constant boolean := outcome IN ('sent', 'refused');
BEGIN
    UPDATE auth.messages m
       SET state = CASE outcome WHEN 'sent' THEN 'sent' WHEN 'refused' THEN 'dead' ELSE m.state END,
           ended_at = CASE WHEN is_over THEN clock_timestamp() END,
           secret = CASE WHEN NOT is_over THEN m.secret END,
           attempts = m.attempts - CASE WHEN outcome = 'returned' THEN 1 ELSE 0 END,
           due_at = CASE WHEN outcome = 'again'
                         THEN clock_timestamp() + least(interval '15 seconds' * 2 ^ m.attempts, interval '1 hour')
                         ELSE m.due_at END,
           reason = end_claim.reason, lease_until = NULL
     WHERE m.id = end_claim.message AND m.claim = end_claim.claim AND m.state = 'waiting';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.end_claim(uuid, integer, text, text) IS 'Write down what became of a message; false: another took it over';

-- -- housekeeping ------------------------------------------------------------------------------------------------------

-- Messages, with whom they were for, a week after they were sent, and a month after they could not be; links with them.
CREATE OR REPLACE FUNCTION auth.forget_messages() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM auth.give_up_messages();
    DELETE FROM auth.messages m
     WHERE m.ended_at < clock_timestamp() - CASE m.state WHEN 'sent' THEN interval '7 days' ELSE interval '30 days' END;
END
$$;
COMMENT ON FUNCTION auth.forget_messages() IS 'Forget messages that were sent, or could not be, long enough ago';
