-- The four roles that work with the hub, beside whoever owns it. Each logs in as itself: where the server asks for a
-- password, `hub migrate` gives it one (cli/logins.py). The owner is a member of each; none is a member of the owner.
-- hub_pii logs in nowhere and may nothing by itself: it marks the analysts who are shown personal data (sql/personal.py).
-- Roles belong to the whole server, so another database may be making them at this moment: existing ones are left alone.
DO $$
DECLARE
    wanted text;
    membership text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hub_sync', 'hub_api', 'hub_auth', 'hub_analyst', 'hub_pii'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I %s', wanted, CASE WHEN wanted = 'hub_pii' THEN 'NOLOGIN' ELSE 'LOGIN' END);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF wanted <> 'hub_pii' AND NOT pg_has_role(current_user, wanted, membership) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
END
$$;
