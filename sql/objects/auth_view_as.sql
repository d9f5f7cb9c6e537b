-- Looking at the portal as a customer sees it: support agents, by a session of theirs; operators, by the owner's log-in. A view has
-- a token of its own and no refresh token; it is called back as a session is (auth.call_back). What is looked at is in the
-- audit before it is shown.

-- As whom somebody looks at a customer: the given person, if they act for it, else its first owner. Null: nobody sees it.
CREATE OR REPLACE FUNCTION auth.seen_by(customer uuid, person uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.user_id
      FROM hub.customer_accounts named
      JOIN hub.customer_accounts known ON known.customer_id = named.customer_id
      JOIN auth.memberships m ON m.customer_id = known.id
     WHERE named.id = customer AND named.deleted_at IS NULL AND known.deleted_at IS NULL
       AND NOT EXISTS (SELECT FROM hub.customers gone WHERE gone.id = named.customer_id AND gone.deleted_at IS NOT NULL)
       AND (person IS NULL OR m.user_id = person)
     ORDER BY m.role = 'owner' DESC, m.created_at, m.user_id
     LIMIT 1
$$;
COMMENT ON FUNCTION auth.seen_by(uuid, uuid) IS 'The person as whom somebody looks at a customer; null: nobody logs in for it';

-- For the owner, and the function below. Either an agent, with their session, or an operator. The person as whom they look;
-- null: nobody logs in for the customer.
CREATE OR REPLACE FUNCTION auth.open_view(
    view uuid, agent uuid, operator text, session uuid, customer uuid, person uuid, reason text, lasts interval, address text
) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen constant uuid := auth.seen_by(customer, person);
BEGIN
    IF seen IS NULL THEN
        RETURN NULL;
    END IF;
    -- Asked twice, where the connection broke before the answer came.
    INSERT INTO auth.views (id, agent_id, operator, session_id, user_id, customer_id, reason, expires_at)
    VALUES (view, agent, operator, session, seen, customer, reason, now() + lasts)
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        PERFORM auth.note(coalesce('user:' || agent, 'operator:' || operator), 'user:' || seen, 'view.begun', 'view:' || view,
                          address, jsonb_build_object('customer', customer, 'until', now() + lasts));
    END IF;
    RETURN seen;
END
$$;
COMMENT ON FUNCTION auth.open_view(uuid, uuid, text, uuid, uuid, uuid, text, interval, text) IS
    'Somebody looks at a customer from now on, as a person, who is returned; null: nobody logs in for it';

-- outcome: begun, stale (the session is over, or not fresh), no_agent, unknown (nobody, or not that person, acts for such a
-- customer).
CREATE OR REPLACE FUNCTION auth.begin_view(
    view uuid, session uuid, fresh interval, customer uuid, person uuid, reason text, lasts interval, address text
) RETURNS TABLE (outcome text, user_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    agent constant uuid := auth.fresh_person(session, fresh);
BEGIN
    -- Held: whoever ends the session waits, and then finds the view.
    PERFORM FROM auth.sessions s WHERE s.id = session AND s.revoked_at IS NULL FOR SHARE;
    IF agent IS NULL OR NOT FOUND THEN
        RETURN QUERY SELECT 'stale', NULL::uuid;
    ELSIF NOT (SELECT u.is_agent FROM auth.users u WHERE u.id = agent) THEN
        PERFORM auth.note('user:' || agent, NULL, 'view.refused', 'user:' || agent, address, '{"why": "no_agent"}');
        RETURN QUERY SELECT 'no_agent', NULL::uuid;
    ELSE
        RETURN QUERY
        SELECT CASE WHEN seen IS NULL THEN 'unknown' ELSE 'begun' END, seen
          FROM auth.open_view(view, agent, NULL, session, customer, person, reason, lasts, address) seen;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.begin_view(uuid, uuid, interval, uuid, uuid, text, interval, text) IS
    'An agent looks at a customer from now on, as a person';

-- -- while it lasts ----------------------------------------------------------------------------------------------------

-- Something is looked at. Asked twice, it is there twice: more than was looked at, never less. noted: false: the view is over.
CREATE OR REPLACE FUNCTION auth.note_view(view uuid, method text, path text, address text) RETURNS TABLE (noted boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found auth.views;
BEGIN
    SELECT v.* INTO found FROM auth.views v
     WHERE v.id = view AND v.ended_at IS NULL AND v.expires_at > clock_timestamp()
       AND auth.seen_by(v.customer_id, v.user_id) IS NOT NULL;
    IF found.id IS NOT NULL THEN
        PERFORM auth.note(coalesce('user:' || found.agent_id, 'operator:' || found.operator), 'user:' || found.user_id,
                          'view.read', 'view:' || view, address,
                          jsonb_build_object('method', method, 'path', path, 'customer', found.customer_id));
    END IF;
    RETURN QUERY SELECT found.id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth.note_view(uuid, text, text, text) IS
    'Add to the audit that something is looked at by a view; whether the view is good';

-- As auth.me, for whoever looks as a person: that one, the one customer, and who looks.
CREATE OR REPLACE FUNCTION auth.me_by_view(view uuid) RETURNS TABLE (person json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
               'id', u.id, 'email', u.email, 'session', v.id, 'amr', '{}'::text[], 'customer', v.customer_id,
               'accounts', (SELECT coalesce(json_agg(json_build_object('customer', v.customer_id, 'role', 'read_only',
                                                                       'name', c.name, 'number', c.account_number)), '[]')
                              FROM hub.customer_accounts named
                              JOIN hub.customers c ON c.id = named.customer_id AND c.deleted_at IS NULL
                             WHERE named.id = v.customer_id AND named.deleted_at IS NULL),
               'isAgent', false, 'viewedBy', json_build_object('agent', coalesce(v.agent_id::text, 'operator:' || v.operator), 'email', a.email,
                                             'until', v.expires_at))
      FROM auth.views v JOIN auth.users u ON u.id = v.user_id LEFT JOIN auth.users a ON a.id = v.agent_id
     WHERE v.id = view AND v.ended_at IS NULL AND v.expires_at > clock_timestamp()
       AND auth.seen_by(v.customer_id, v.user_id) IS NOT NULL
$$;
COMMENT ON FUNCTION auth.me_by_view(uuid) IS 'As whom and at which customer a view looks, and who does, as JSON; no row: it is over';

-- For an owner: when support looked at the customer that their session acts for, in the last year. Neither who it was nor why:
-- an agent's name and notes are the house's. person: as whom, null where they act for it no more. No row: the session is over,
-- or no owner's.
CREATE OR REPLACE FUNCTION auth.views_of(session uuid) RETURNS TABLE (views json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(json_agg(json_build_object('id', v.id, 'person', auth.seen_by(v.customer_id, v.user_id),
                                               'begunAt', v.begun_at,
                                               'endedAt', least(v.ended_at, v.expires_at))
                             ORDER BY v.begun_at DESC, v.id) FILTER (WHERE v.id IS NOT NULL), '[]')
      FROM auth.sessions mine
     CROSS JOIN LATERAL auth.acting(mine.user_id, mine.customer_id) a
      JOIN hub.customer_accounts named ON named.id = a.customer_id
      JOIN hub.customer_accounts known ON known.customer_id = named.customer_id
      LEFT JOIN auth.views v ON v.customer_id = known.id
     WHERE mine.id = session AND mine.revoked_at IS NULL AND a.customer_id = mine.customer_id AND a.role = 'owner'
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION auth.views_of(uuid) IS 'When support looked at a session''s customer, as JSON, the latest first; for owners';

-- -- how it ends -------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.call_back_view() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO auth.revocations (session_id, epoch, revoked_at) VALUES (NEW.id, 2147483647, clock_timestamp());
    PERFORM pg_notify('hub_auth', '');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER call_back_view AFTER UPDATE OF ended_at ON auth.views
    FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL) EXECUTE FUNCTION auth.call_back_view();

-- Whatever ends a session ends what is looked at by it: a lock, a log-out, another password.
CREATE OR REPLACE FUNCTION auth.end_views_of_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE auth.views v SET ended_at = clock_timestamp()
     WHERE v.session_id = NEW.id AND v.ended_at IS NULL AND v.expires_at > clock_timestamp();
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER end_views AFTER UPDATE OF revoked_at ON auth.sessions
    FOR EACH ROW WHEN (NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL)
    EXECUTE FUNCTION auth.end_views_of_session();

-- Who is an agent no more looks at nobody, and has no session but for customers of their own.
CREATE OR REPLACE FUNCTION auth.watch_agents() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Sessions first, as whatever ends a session does: two that take them in another order may wait for each other.
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_why = 'agent_no_more'
     WHERE s.user_id = NEW.id AND s.customer_id IS NULL AND s.revoked_at IS NULL;
    UPDATE auth.views v SET ended_at = clock_timestamp()
     WHERE v.agent_id = NEW.id AND v.ended_at IS NULL AND v.expires_at > clock_timestamp();
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER watch_agents AFTER UPDATE OF is_agent ON auth.users
    FOR EACH ROW WHEN (OLD.is_agent AND NOT NEW.is_agent) EXECUTE FUNCTION auth.watch_agents();

-- By the view's own token, or by a session of the agent's, which ends all of theirs.
CREATE OR REPLACE FUNCTION auth.end_views(session uuid, address text) RETURNS TABLE (ended integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found auth.views;
    views integer := 0;
BEGIN
    FOR found IN
        UPDATE auth.views v SET ended_at = clock_timestamp()
         WHERE v.ended_at IS NULL AND v.expires_at > clock_timestamp()
           AND (v.id = session OR v.agent_id = (SELECT s.user_id FROM auth.sessions s
                                                 WHERE s.id = session AND s.revoked_at IS NULL))
        RETURNING v.*
    LOOP
        PERFORM auth.note(coalesce('user:' || found.agent_id, 'operator:' || found.operator), 'user:' || found.user_id,
                          'view.ended', 'view:' || found.id, address, jsonb_build_object('customer', found.customer_id));
        views := views + 1;
    END LOOP;
    RETURN QUERY SELECT views;
END
$$;
COMMENT ON FUNCTION auth.end_views(uuid, text) IS 'Look at a customer no more; how many views ended';
