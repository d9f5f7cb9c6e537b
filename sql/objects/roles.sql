-- The four roles that work with the hub, beside whoever owns it. Each logs in as itself: where the server asks for a
-- password, `hub migrate` gives it one (cli/logins.py). The owner is a member of each; none is a member of the owner.
-- Two log in nowhere. hub_reading may read what analysts may: hub_analyst is a member of it, and so is each analyst's own
-- log-in. Nobody is a member of a role that logs in: they could give it a password, and come in by it when their own log-in is
-- gone. hub_pii may nothing by itself: it marks the analysts who are shown personal data (sql/personal.py).
-- Roles belong to the whole server, so another database may be making them at this moment: existing ones are left alone.
DO $$
DECLARE
    wanted text;
    logs_in boolean;
    membership text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hub_sync', 'hub_api', 'hub_auth', 'hub_analyst', 'hub_reading', 'hub_pii'] LOOP
        logs_in := wanted NOT IN ('hub_reading', 'hub_pii');
        BEGIN
            IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I %s', wanted, CASE WHEN logs_in THEN 'LOGIN' ELSE 'NOLOGIN' END);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF logs_in AND NOT pg_has_role(current_user, wanted, membership) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
    IF NOT pg_has_role('hub_analyst', 'hub_reading', 'MEMBER') THEN
        BEGIN
            GRANT hub_reading TO hub_analyst;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END IF;
END
$$;
