-- Another e-mail address. A link goes to the new one, and counts by a session of the person's own: a link that went astray gives
-- whoever holds it nothing. Whether somebody has the address already is told to that one alone.

-- No link that was sent before changes a person's address any more.
CREATE OR REPLACE FUNCTION auth.end_email_changes(person uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE auth.messages m
       SET state = 'dead', secret = NULL, lease_until = NULL, ended_at = clock_timestamp(), reason = 'followed by another'
      FROM auth.email_changes c
     WHERE c.user_id = person AND c.used_at IS NULL AND m.id = c.message_id AND m.state = 'waiting';
    UPDATE auth.email_changes c SET used_at = clock_timestamp() WHERE c.user_id = person AND c.used_at IS NULL;
$$;
COMMENT ON FUNCTION auth.end_email_changes(uuid) IS 'End every link that would change a person''s e-mail address';

-- outcome: requested, whether or not somebody has the address; stale (the session is over, or not fresh).
CREATE OR REPLACE FUNCTION auth.request_email_change(
    session uuid, fresh interval, email text, token_hash bytea, token text, minutes integer, address text
) RETURNS TABLE (outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person constant uuid := auth.fresh_person(session, fresh);
    lasts constant interval := minutes * interval '1 minute';
    holder uuid;
    message uuid;
BEGIN
    IF person IS NULL THEN
        RETURN QUERY SELECT 'stale';
        RETURN;
    END IF;
    -- Asked twice, where the connection broke before the answer came.
    IF NOT EXISTS (SELECT FROM auth.email_changes c WHERE c.token_hash = request_email_change.token_hash) THEN
        PERFORM auth.end_email_changes(person);
        SELECT u.id INTO holder FROM auth.users u
         WHERE lower(u.email) = lower(request_email_change.email) AND u.id <> person;
        IF holder IS NULL THEN
            message := auth.post_elsewhere(person, request_email_change.email, NULL, 'email_change',
                                           jsonb_build_object('minutes', minutes), jsonb_build_object('token', token), lasts);
        ELSE
            message := auth.post(holder, 'email_wanted');
        END IF;
        -- The same row either way. Of a link that nobody was sent, nobody has the token.
        INSERT INTO auth.email_changes (token_hash, user_id, email, message_id, expires_at)
        VALUES (request_email_change.token_hash, person, request_email_change.email, message, clock_timestamp() + lasts);
        PERFORM auth.post(person, 'email_change_requested');
        PERFORM auth.note('user:' || person, NULL, 'email.change_requested', 'user:' || person, address);
    END IF;
    RETURN QUERY SELECT 'requested';
END
$$;
COMMENT ON FUNCTION auth.request_email_change(uuid, interval, text, bytea, text, integer, text) IS
    'Send a link to the address that a session''s person wants to log in with, unless somebody else does';

-- Every other session of the person ends, and every log-in that has begun. ended: how many sessions; null: the link is good no
-- more, or not this person's, or somebody else has the address by now.
CREATE OR REPLACE FUNCTION auth.confirm_email(token_hash bytea, session uuid, address text) RETURNS TABLE (ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    who auth.users;
    shown auth.email_changes;
    sessions integer;
BEGIN
    SELECT u.* INTO who FROM auth.users u
     WHERE u.id = (SELECT s.user_id FROM auth.sessions s WHERE s.id = session) FOR NO KEY UPDATE;
    SELECT c.* INTO shown FROM auth.email_changes c
      JOIN auth.sessions s ON s.user_id = c.user_id AND s.id = session AND s.revoked_at IS NULL
     WHERE c.token_hash = confirm_email.token_hash AND c.user_id = who.id AND c.expires_at > clock_timestamp();
    IF shown.used_at IS NOT NULL THEN
        -- Asked twice, where the connection broke before the answer came; else another link or password followed it.
        RETURN QUERY SELECT CASE WHEN who.email = shown.email THEN 0 END;
        RETURN;
    END IF;
    BEGIN
        UPDATE auth.users u SET email = shown.email WHERE u.id = who.id AND shown.user_id IS NOT NULL;
    EXCEPTION WHEN unique_violation THEN
        shown.user_id := NULL;
    END;
    IF shown.user_id IS NULL THEN
        RETURN QUERY SELECT NULL::integer;
        RETURN;
    END IF;
    PERFORM auth.end_email_changes(who.id);
    PERFORM auth.end_password_links(who.id);
    DELETE FROM auth.challenges c WHERE c.user_id = who.id AND c.session_id IS NULL;
    sessions := auth.revoke_all(who.id, session, 'email_changed');
    PERFORM auth.post_elsewhere(who.id, who.email, NULL, 'email_changed', '{}', NULL, interval '3 days');
    PERFORM auth.post(who.id, 'email_changed');
    PERFORM auth.note('user:' || who.id, NULL, 'email.changed', 'user:' || who.id, address,
                      jsonb_build_object('sessions_ended', sessions));
    RETURN QUERY SELECT sessions;
END
$$;
COMMENT ON FUNCTION auth.confirm_email(bytea, uuid, text) IS
    'Change the e-mail address of a session''s person by a link that was sent to the new one; how many other sessions ended';
