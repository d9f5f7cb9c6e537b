-- The people of an account: who acts for a customer, and who is invited to. An owner decides, by a session that is fresh; of one
-- customer, one after the other, so that two owners cannot remove each other.

-- -- what these share --------------------------------------------------------------------------------------------------

-- A person's message to an address that is not theirs: somebody they invite.
CREATE OR REPLACE FUNCTION auth.post_elsewhere(
    person uuid, email text, language text, template text, facts jsonb, secret jsonb, lasts interval
) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message constant uuid := gen_random_uuid();
BEGIN
    INSERT INTO auth.messages (id, user_id, email, language, template, facts, secret, carries_secret, useful_until)
    SELECT message, u.id, post_elsewhere.email, coalesce(post_elsewhere.language, u.language), post_elsewhere.template,
           post_elsewhere.facts, post_elsewhere.secret, post_elsewhere.secret IS NOT NULL, clock_timestamp() + lasts
      FROM auth.users u WHERE u.id = person;
    PERFORM pg_notify('hub_mail', '');
    RETURN message;
END
$$;
COMMENT ON FUNCTION auth.post_elsewhere(uuid, text, text, text, jsonb, jsonb, interval) IS
    'Tell an address something in a person''s name, if this transaction commits';

CREATE OR REPLACE FUNCTION auth.ids_of(customer uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT known.id
      FROM hub.customer_accounts named
      JOIN hub.customer_accounts known ON known.customer_id = named.customer_id
     WHERE named.id = customer
$$;
COMMENT ON FUNCTION auth.ids_of(uuid) IS 'Every id that a customer was known by, by any of them';

-- Who was given a role by two ids of the customer is there twice.
CREATE OR REPLACE FUNCTION auth.members_of(customer uuid)
    RETURNS TABLE (user_id uuid, email text, customer_id uuid, role text, since timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.email, m.customer_id, m.role, m.created_at
      FROM auth.memberships m
      JOIN auth.users u ON u.id = m.user_id
     WHERE m.customer_id IN (SELECT auth.ids_of(customer))
$$;
COMMENT ON FUNCTION auth.members_of(uuid) IS 'Who acts for a customer, by any id that it was known by';

CREATE OR REPLACE FUNCTION auth.owners_of(customer uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.user_id FROM auth.members_of(customer) m JOIN auth.users u ON u.id = m.user_id
     WHERE m.role = 'owner' AND (u.locked_until IS NULL OR u.locked_until < clock_timestamp())
$$;
COMMENT ON FUNCTION auth.owners_of(uuid) IS 'Who owns a customer, and is not locked';

-- Whoever changes the people of a customer waits until nobody else does, and looks only then.
CREATE OR REPLACE FUNCTION auth.lock_members(customer uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtext('auth.members'), hashtext(a.customer_id::text))
      FROM hub.customer_accounts a WHERE a.id = customer
$$;
COMMENT ON FUNCTION auth.lock_members(uuid) IS 'Let nobody else change the people of a customer until the transaction ends';

-- May a session's person change the people of the customer that it acts for? outcome: owner, stale (the session is over or not
-- fresh), forbidden (they are no owner, by now).
CREATE OR REPLACE FUNCTION auth.owning(session uuid, fresh interval)
    RETURNS TABLE (outcome text, user_id uuid, customer_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    who constant uuid := auth.fresh_person(session, fresh);
    customer constant uuid := (SELECT s.customer_id FROM auth.sessions s WHERE s.id = session);
BEGIN
    PERFORM auth.lock_members(customer);
    RETURN QUERY
    SELECT CASE WHEN who IS NULL THEN 'stale'
                WHEN EXISTS (SELECT FROM auth.acting(who, customer) a WHERE a.customer_id = customer AND a.role = 'owner')
                THEN 'owner'
                ELSE 'forbidden' END,
           who, customer;
END
$$;
COMMENT ON FUNCTION auth.owning(uuid, interval) IS
    'Whether a fresh session''s person owns the customer that it acts for, whose people nobody else changes meanwhile';

-- Not what a mail program would make a link of: the name is the customer's choice, and stands in our messages to strangers.
CREATE OR REPLACE FUNCTION auth.account_name(customer uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(CASE WHEN c.name !~* '://|www\.|@' THEN c.name END, c.account_number, '')
      FROM hub.customer_accounts named JOIN hub.customers c ON c.id = named.customer_id
     WHERE named.id = customer
$$;
COMMENT ON FUNCTION auth.account_name(uuid) IS 'What a customer is called';

-- Somebody acts for a customer, in another role, or no more: whoever it is learns it, and every owner. what: added, role, removed.
CREATE OR REPLACE FUNCTION auth.tell_of_member(customer uuid, person uuid, what text, role text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT auth.post(told.user_id, 'member_changed', jsonb_build_object(
               'what', what, 'role', role, 'account', auth.account_name(customer),
               'email', (SELECT u.email FROM auth.users u WHERE u.id = person)))
      FROM (SELECT person AS user_id
             UNION
            SELECT m.user_id FROM auth.members_of(customer) m WHERE m.role = 'owner') told
$$;
COMMENT ON FUNCTION auth.tell_of_member(uuid, uuid, text, text) IS
    'Tell a person and a customer''s owners by e-mail that the person acts for it, in another role, or no more';

-- -- members -----------------------------------------------------------------------------------------------------------

-- For owners. No row: the session is over, or no owner's.
CREATE OR REPLACE FUNCTION auth.members(session uuid) RETURNS TABLE (members json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_agg(json_build_object('person', m.user_id, 'email', m.email, 'role', m.role, 'since', m.since,
                                      'isThis', m.user_id = mine.user_id)
                    ORDER BY m.since, m.user_id)
      FROM auth.sessions mine
     CROSS JOIN LATERAL auth.acting(mine.user_id, mine.customer_id) a
     CROSS JOIN LATERAL auth.members_of(a.customer_id) m
     WHERE mine.id = session AND mine.revoked_at IS NULL AND a.customer_id = mine.customer_id AND a.role = 'owner'
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION auth.members(uuid) IS 'Who acts for the customer that an owner''s session acts for, as JSON';

-- Another role, or none any more (null). Triggers call back what the person's tokens say. outcome: changed, stale, forbidden,
-- unknown (no such person acts for the customer), last_owner (nobody else who is not locked would own it).
CREATE OR REPLACE FUNCTION auth.change_member(session uuid, fresh interval, member uuid, role text, address text)
    RETURNS TABLE (outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine record;
    held text[];
BEGIN
    SELECT o.* INTO mine FROM auth.owning(session, fresh) o;
    IF mine.outcome <> 'owner' THEN
        RETURN QUERY SELECT mine.outcome;
        RETURN;
    END IF;
    SELECT array_agg(m.role) INTO held FROM auth.members_of(mine.customer_id) m WHERE m.user_id = member;
    IF held IS NULL THEN
        RETURN QUERY SELECT 'unknown';
        RETURN;
    END IF;
    -- Asked twice, where the connection broke before the answer came.
    IF change_member.role = ALL (held) THEN
        RETURN QUERY SELECT 'changed';
        RETURN;
    END IF;
    IF 'owner' = ANY (held) AND change_member.role IS DISTINCT FROM 'owner'
       AND NOT EXISTS (SELECT FROM auth.owners_of(mine.customer_id) other WHERE other <> member) THEN
        RETURN QUERY SELECT 'last_owner';
        RETURN;
    END IF;
    IF change_member.role IS NULL THEN
        DELETE FROM auth.memberships m USING auth.members_of(mine.customer_id) theirs
         WHERE theirs.user_id = member AND m.user_id = member AND m.customer_id = theirs.customer_id;
    ELSE
        UPDATE auth.memberships m SET role = change_member.role FROM auth.members_of(mine.customer_id) theirs
         WHERE theirs.user_id = member AND m.user_id = member AND m.customer_id = theirs.customer_id;
    END IF;
    PERFORM auth.tell_of_member(mine.customer_id, member, CASE WHEN change_member.role IS NULL THEN 'removed' ELSE 'role' END,
                                change_member.role);
    PERFORM auth.note('user:' || mine.user_id, NULL, CASE WHEN change_member.role IS NULL THEN 'role.taken' ELSE 'role.given' END,
                      'user:' || member, address,
                      jsonb_strip_nulls(jsonb_build_object('customer', mine.customer_id, 'role', change_member.role)));
    RETURN QUERY SELECT 'changed';
END
$$;
COMMENT ON FUNCTION auth.change_member(uuid, interval, uuid, text, text) IS
    'An owner gives somebody another role for their customer, or none';

-- -- invitations -------------------------------------------------------------------------------------------------------

-- Not one of somebody who owns the customer no more, or is locked: they may have made it to come back by.
CREATE OR REPLACE FUNCTION auth.is_good(invitation auth.invitations) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT invitation.accepted_at IS NULL AND invitation.withdrawn_at IS NULL
           AND invitation.expires_at > clock_timestamp()
           AND invitation.user_id IN (SELECT auth.owners_of(invitation.customer_id))
$$;
COMMENT ON FUNCTION auth.is_good(auth.invitations) IS 'Whether an invitation may be accepted now';

-- An address is invited, whoever has it, if anybody; an earlier invitation of it ends. outcome: invited, stale, forbidden.
CREATE OR REPLACE FUNCTION auth.invite(
    session uuid, fresh interval, invitation uuid, email text, role text, language text, token_hash bytea, token text,
    days integer, address text
) RETURNS TABLE (outcome text, expires_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine record;
    lasts constant interval := days * interval '1 day';
    message uuid;
BEGIN
    SELECT o.* INTO mine FROM auth.owning(session, fresh) o;
    IF mine.outcome <> 'owner' THEN
        RETURN QUERY SELECT mine.outcome, NULL::timestamptz;
        RETURN;
    END IF;
    -- Asked twice, where the connection broke before the answer came.
    IF NOT EXISTS (SELECT FROM auth.invitations i WHERE i.id = invitation) THEN
        PERFORM auth.withdraw_invitations(mine.customer_id, invite.email);
        message := auth.post_elsewhere(
            mine.user_id, invite.email, language, 'invitation',
            jsonb_build_object('account', auth.account_name(mine.customer_id), 'days', days,
                               'inviter', (SELECT u.email FROM auth.users u WHERE u.id = mine.user_id)),
            jsonb_build_object('token', token), lasts);
        INSERT INTO auth.invitations (id, token_hash, user_id, customer_id, email, role, language, message_id, expires_at)
        SELECT invitation, invite.token_hash, mine.user_id, mine.customer_id, invite.email, invite.role, m.language, message,
               clock_timestamp() + lasts
          FROM auth.messages m WHERE m.id = message;
        PERFORM auth.note('user:' || mine.user_id, NULL, 'invitation.sent', 'invitation:' || invitation, address,
                          jsonb_build_object('customer', mine.customer_id, 'role', role));
    END IF;
    RETURN QUERY SELECT 'invited', i.expires_at FROM auth.invitations i WHERE i.id = invitation;
END
$$;
COMMENT ON FUNCTION auth.invite(uuid, interval, uuid, text, text, text, bytea, text, integer, text) IS
    'An owner invites an address to act for their customer';

-- For the functions here: good no more, and sent no more if it waits.
CREATE OR REPLACE FUNCTION auth.withdraw_invitation(invitation uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE auth.messages m
       SET state = 'dead', secret = NULL, lease_until = NULL, ended_at = clock_timestamp(), reason = 'withdrawn'
      FROM auth.invitations i
     WHERE i.id = invitation AND m.id = i.message_id AND m.state = 'waiting';
    UPDATE auth.invitations i SET withdrawn_at = clock_timestamp() WHERE i.id = invitation AND i.withdrawn_at IS NULL;
$$;
COMMENT ON FUNCTION auth.withdraw_invitation(uuid) IS 'Let an invitation be good no more';

CREATE OR REPLACE FUNCTION auth.withdraw_invitations(customer uuid, email text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM auth.withdraw_invitation(i.id) FROM auth.invitations i
      WHERE i.customer_id IN (SELECT auth.ids_of(customer)) AND i.accepted_at IS NULL
        AND lower(i.email) = lower(withdraw_invitations.email);
END
$$;
COMMENT ON FUNCTION auth.withdraw_invitations(uuid, text) IS 'Let no invitation of an address to a customer be good any more';

-- outcome: withdrawn (asked twice, too), unknown (none of the customer's that may be accepted), stale, forbidden.
CREATE OR REPLACE FUNCTION auth.end_invitation(session uuid, fresh interval, invitation uuid, address text)
    RETURNS TABLE (outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    mine record;
    found auth.invitations;
BEGIN
    SELECT o.* INTO mine FROM auth.owning(session, fresh) o;
    SELECT i.* INTO found FROM auth.invitations i
     WHERE i.id = invitation AND i.customer_id IN (SELECT auth.ids_of(mine.customer_id)) AND i.accepted_at IS NULL;
    IF mine.outcome = 'owner' AND found.id IS NOT NULL AND found.withdrawn_at IS NULL THEN
        PERFORM auth.withdraw_invitation(invitation);
        PERFORM auth.note('user:' || mine.user_id, NULL, 'invitation.withdrawn', 'invitation:' || invitation, address,
                          jsonb_build_object('customer', mine.customer_id));
    END IF;
    RETURN QUERY SELECT CASE WHEN mine.outcome <> 'owner' THEN mine.outcome
                             WHEN found.id IS NULL THEN 'unknown' ELSE 'withdrawn' END;
END
$$;
COMMENT ON FUNCTION auth.end_invitation(uuid, interval, uuid, text) IS 'An owner withdraws an invitation';

-- For owners. No row: the session is over, or no owner's.
CREATE OR REPLACE FUNCTION auth.invitations_of(session uuid) RETURNS TABLE (invitations json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(json_agg(json_build_object('id', i.id, 'email', i.email, 'role', i.role, 'createdAt', i.created_at,
                                               'expiresAt', i.expires_at)
                             ORDER BY i.created_at, i.id) FILTER (WHERE i.id IS NOT NULL), '[]')
      FROM auth.sessions mine
     CROSS JOIN LATERAL auth.acting(mine.user_id, mine.customer_id) a
      LEFT JOIN auth.invitations i ON i.customer_id IN (SELECT auth.ids_of(a.customer_id)) AND auth.is_good(i)
     WHERE mine.id = session AND mine.revoked_at IS NULL AND a.customer_id = mine.customer_id AND a.role = 'owner'
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION auth.invitations_of(uuid) IS 'Who is invited to the customer that an owner''s session acts for, as JSON';

-- What is asked before a password is hashed.
CREATE OR REPLACE FUNCTION auth.invitation(token_hash bytea) RETURNS TABLE (email text, is_known boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.email, EXISTS (SELECT FROM auth.users u WHERE lower(u.email) = lower(i.email))
      FROM auth.invitations i WHERE i.token_hash = invitation.token_hash
$$;
COMMENT ON FUNCTION auth.invitation(bytea) IS 'Which address an invitation is for, good or not, and whether somebody has it';

-- Whoever has the invited address acts for the customer. A link alone makes a person where there is none, and nothing of one
-- where there is: they must be logged in (`session`). Who acts for the customer already keeps their role. outcome: accepted,
-- ended (it is good no more, or never was), log_in (somebody has the address, and it is not their session).
CREATE OR REPLACE FUNCTION auth.accept_invitation(token_hash bytea, session uuid, hashed text, address text)
    RETURNS TABLE (outcome text, customer_id uuid, role text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    shown auth.invitations;
    is_good boolean;
    asks uuid := (SELECT s.user_id FROM auth.sessions s
                   WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp());
    holder uuid;
    said text;
BEGIN
    PERFORM auth.lock_members(i.customer_id) FROM auth.invitations i WHERE i.token_hash = accept_invitation.token_hash;
    SELECT i.* INTO shown FROM auth.invitations i WHERE i.token_hash = accept_invitation.token_hash FOR UPDATE;
    is_good := shown.id IS NOT NULL AND auth.is_good(shown);
    SELECT u.id INTO holder FROM auth.users u WHERE lower(u.email) = lower(shown.email);
    IF is_good AND holder IS NULL AND hashed IS NOT NULL THEN
        INSERT INTO auth.users (id, email, language, password_hash, password_set_at)
        VALUES (gen_random_uuid(), shown.email, shown.language, hashed, clock_timestamp())
        ON CONFLICT DO NOTHING RETURNING id INTO holder;
        asks := holder;
    END IF;
    said := CASE
        -- Asked twice, where the connection broke before the answer came. No two tries have the same hash.
        -- Whoever was removed since then is told that it is over.
        WHEN EXISTS (SELECT FROM auth.members_of(shown.customer_id) m JOIN auth.users u ON u.id = m.user_id
                      WHERE u.id = shown.accepted_by AND (u.id = asks OR u.password_hash = hashed)) THEN 'repeated'
        WHEN NOT is_good THEN 'ended'
        WHEN holder IS NULL OR holder IS DISTINCT FROM asks THEN 'log_in'
        ELSE 'accepted'
    END;
    IF said = 'accepted' THEN
        INSERT INTO auth.memberships (user_id, customer_id, role)
        SELECT holder, shown.customer_id, shown.role
         WHERE NOT EXISTS (SELECT FROM auth.members_of(shown.customer_id) m WHERE m.user_id = holder);
        UPDATE auth.invitations i SET accepted_at = clock_timestamp(), accepted_by = holder WHERE i.id = shown.id;
        PERFORM auth.tell_of_member(shown.customer_id, holder, 'added', shown.role);
        PERFORM auth.note('user:' || holder, NULL, 'invitation.accepted', 'invitation:' || shown.id, address,
                          jsonb_build_object('customer', shown.customer_id, 'role', shown.role));
    END IF;
    RETURN QUERY
    SELECT CASE said WHEN 'repeated' THEN 'accepted' ELSE said END, shown.customer_id,
           (SELECT m.role FROM auth.members_of(shown.customer_id) m WHERE m.user_id = coalesce(shown.accepted_by, holder)
             ORDER BY (m.role = 'owner') DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION auth.accept_invitation(bytea, uuid, text, text) IS
    'Somebody who was invited acts for the customer from now on; a person is made where nobody has the address';
