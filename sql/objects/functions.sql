-- The customer a session speaks for, named by hub.customer_id: the id of any of its accounts, now or in the past.
-- These read as the owner, so that policies may call them; the fixed search_path keeps others' objects out of them.
-- PL/pgSQL rather than SQL: it keeps its plan for the session, and every request of the API calls these.
CREATE OR REPLACE FUNCTION hub.current_customer() RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT asked.customer_id
              FROM hub.customer_accounts asked
             WHERE asked.id = nullif(current_setting('hub.customer_id', true), '')::uuid);
END
$$;
COMMENT ON FUNCTION hub.current_customer() IS
    'Id of the customer named by the setting hub.customer_id (any id it was ever known by); null: none or unknown';

CREATE OR REPLACE FUNCTION hub.current_account(system text) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT mine.id
              FROM hub.customer_accounts asked
              JOIN hub.customer_accounts mine ON mine.customer_id = asked.customer_id AND mine.source = system
             WHERE asked.id = nullif(current_setting('hub.customer_id', true), '')::uuid);
END
$$;
COMMENT ON FUNCTION hub.current_account(text) IS
    'Id of that customer''s account in a system (salesforce, whmcs); null: none';

-- A new account is its own customer until it is linked, and only WHMCS has details to call for.
CREATE OR REPLACE FUNCTION hub.begin_account() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.customer_id := coalesce(NEW.customer_id, NEW.id);
    IF NEW.source <> 'whmcs' THEN
        NEW.details_due_at := NULL;
        NEW.payment_methods_due_at := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER begin_account BEFORE INSERT ON hub.customer_accounts
    FOR EACH ROW EXECUTE FUNCTION hub.begin_account();
