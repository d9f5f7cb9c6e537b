-- Who sees which rows. Forced on every table of schema hub, its owner included: hub_api sees what belongs to the customer
-- of its session and nothing else; the sync sees all rows (what it may do is in grants.sql). Analysts read views.
-- Which rows those are, hub.row_rule (functions.sql) says, for the functions that read as the owner too.
-- A new table without a rule here stops the upgrade: nothing becomes visible by being forgotten. So does a view, which
-- would show everybody's rows, since it reads as its owner: views are for other schemas.
DO $$
DECLARE
    found record;
    visible text;
BEGIN
    FOR found IN SELECT c.relname AS name FROM pg_catalog.pg_class c
                  WHERE c.relnamespace = 'hub'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') LOOP
        visible := hub.row_rule(found.name);
        IF visible IS NULL THEN
            RAISE EXCEPTION 'hub.% has no row-level rule in hub.row_rule', found.name;
        END IF;
        EXECUTE format('ALTER TABLE hub.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', found.name);
        EXECUTE format('DROP POLICY IF EXISTS owner_all ON hub.%I', found.name);
        EXECUTE format('DROP POLICY IF EXISTS sync_all ON hub.%I', found.name);
        EXECUTE format('DROP POLICY IF EXISTS analyst_reads ON hub.%I', found.name);
        EXECUTE format('DROP POLICY IF EXISTS customer_reads ON hub.%I', found.name);
        -- The owner's own rule serves the functions above, analysts' views, and migrations that fill columns.
        EXECUTE format('CREATE POLICY owner_all ON hub.%I TO CURRENT_USER USING (true) WITH CHECK (true)', found.name);
        EXECUTE format('CREATE POLICY sync_all ON hub.%I TO hub_sync USING (true) WITH CHECK (true)', found.name);
        EXECUTE format('CREATE POLICY customer_reads ON hub.%I FOR SELECT TO hub_api USING (%s)', found.name, visible);
    END LOOP;
END
$$;

-- Who may come in is nobody's to read: forced, and with a rule for the owner alone, whose functions (auth.sql) everybody else
-- must call.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT c.relname AS name FROM pg_catalog.pg_class c
                  WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE auth.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', found.name);
        EXECUTE format('DROP POLICY IF EXISTS owner_all ON auth.%I', found.name);
        EXECUTE format('CREATE POLICY owner_all ON auth.%I TO CURRENT_USER USING (true) WITH CHECK (true)', found.name);
    END LOOP;
END
$$;

-- A customer sees what it asked for, by account as everything else: not what an account's former owner asked for.
ALTER TABLE command.commands ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_all ON command.commands;
DROP POLICY IF EXISTS sync_all ON command.commands;
DROP POLICY IF EXISTS analyst_reads ON command.commands;
DROP POLICY IF EXISTS customer_reads ON command.commands;
CREATE POLICY owner_all ON command.commands TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY sync_all ON command.commands TO hub_sync USING (true) WITH CHECK (true);
CREATE POLICY analyst_reads ON command.commands FOR SELECT TO hub_reading USING (true);
CREATE POLICY customer_reads ON command.commands FOR SELECT TO hub_api
    USING (account_id IN ((SELECT hub.current_account('salesforce')), (SELECT hub.current_account('whmcs'))));
