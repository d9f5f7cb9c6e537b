-- The customer a session speaks for, named by hub.customer_id: the id of any of its accounts, now or in the past.
-- Deletion ends access here, at once and for every policy and function below, whatever life a token still has: an id whose
-- account was deleted at its system, or whose customer is gone, names nobody, and a deleted account's rows are nobody's.
-- These read as the owner, so that policies may call them; the fixed search_path keeps others' objects out of them.
-- PL/pgSQL rather than SQL: it keeps its plan for the session, and every request of the API calls these.
CREATE OR REPLACE FUNCTION hub.current_customer() RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT asked.customer_id
              FROM hub.customer_accounts asked
             WHERE asked.id = nullif(current_setting('hub.customer_id', true), '')::uuid AND asked.deleted_at IS NULL
               AND NOT EXISTS (SELECT FROM hub.customers gone
                                WHERE gone.id = asked.customer_id AND gone.deleted_at IS NOT NULL));
END
$$;
COMMENT ON FUNCTION hub.current_customer() IS
    'Id of the customer named by the setting hub.customer_id (any id it was ever known by); null: none, unknown, or deleted';

CREATE OR REPLACE FUNCTION hub.current_account(system text) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT mine.id
              FROM hub.customer_accounts asked
              JOIN hub.customer_accounts mine
                ON mine.customer_id = asked.customer_id AND mine.source = system AND mine.deleted_at IS NULL
             WHERE asked.id = nullif(current_setting('hub.customer_id', true), '')::uuid AND asked.deleted_at IS NULL
               AND NOT EXISTS (SELECT FROM hub.customers gone
                                WHERE gone.id = asked.customer_id AND gone.deleted_at IS NOT NULL));
END
$$;
COMMENT ON FUNCTION hub.current_account(text) IS
    'Id of that customer''s account in a system (salesforce, whmcs); null: none';

-- Which rows of a table of schema hub belong to the session's customer, as a condition; null: nobody decided. Policies and
-- functions that read as the owner share it, so that no function shows what the policy hides.
-- Each part is wrapped as (SELECT ...), so that it is computed once per query, not once per row.
CREATE OR REPLACE FUNCTION hub.row_rule(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN name = 'customers' THEN 'id = (SELECT hub.current_customer())'
        WHEN name = 'customer_accounts' THEN 'customer_id = (SELECT hub.current_customer())'
        WHEN name IN ('products', 'prices') THEN '(SELECT hub.current_customer()) IS NOT NULL'
        WHEN name IN ('orders', 'order_items', 'support_cases')
            THEN 'account_id = (SELECT hub.current_account(''salesforce''))'
        -- What agents note among themselves is nobody else's.
        WHEN name = 'case_comments' THEN 'is_public AND account_id = (SELECT hub.current_account(''salesforce''))'
        WHEN name IN ('subscriptions', 'sims', 'sim_usage', 'invoices', 'invoice_items', 'payments', 'payment_methods')
            THEN 'account_id = (SELECT hub.current_account(''whmcs''))'
    END
$$;
COMMENT ON FUNCTION hub.row_rule(text) IS
    'Which rows of a table of schema hub belong to the session''s customer, as an SQL condition; null: undecided';

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

-- A source's notification that something changed, stored once however often it is sent; true: it was not known.
CREATE OR REPLACE FUNCTION sync.receive_notification(
    source text, event_id text, entity text, record_id text, parent_id text, occurred_at timestamptz, payload jsonb
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sender ALIAS FOR source;
    -- Several WHMCS hooks run before the change they tell of commits.
    settling constant interval := CASE WHEN sender = 'whmcs' THEN interval '75 milliseconds' ELSE interval '0' END;
    is_new boolean;
BEGIN
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id, parent_id, payload, occurred_at, due_at)
    VALUES (sender, $2, 'record', $3, $4, $5, $7, $6, clock_timestamp() + settling)
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO NOTHING;
    is_new := FOUND;
    IF is_new THEN
        PERFORM pg_notify('hub_inbox', sender);
    END IF;
    RETURN is_new;
END
$$;
COMMENT ON FUNCTION sync.receive_notification(text, text, text, text, text, timestamptz, jsonb) IS
    'Store a source''s notification, once; true: it is new. Wakes the worker';

-- Support looks as the session's customer (auth_view_as.sql): nothing is requested of a source then, and nothing counted, which
-- would cost the customer's calls. Whoever lets a look cost something asks this. The API says so in hub.role.
CREATE OR REPLACE FUNCTION command.is_viewed() RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(current_setting('hub.role', true) = 'viewer', false)
$$;
COMMENT ON FUNCTION command.is_viewed() IS 'Whether support looks as the session''s customer, which costs the customer nothing';

-- Somebody of the session's customer looks at a line that is old: a refresh of it is requested, once while one waits.
CREATE OR REPLACE FUNCTION sync.request_line_refresh(line uuid, limits jsonb) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    service text;
BEGIN
    IF command.is_viewed() THEN
        RETURN false;
    END IF;
    UPDATE hub.sims s SET looked_at = now()
     WHERE s.id = line AND s.account_id = hub.current_account('whmcs') AND s.deleted_at IS NULL AND s.is_open
       AND s.msisdn IS NOT NULL AND s.number_claim <> 'disputed'
    RETURNING s.source_id INTO service;
    IF service IS NULL THEN
        RETURN false;
    END IF;
    -- What waits, or is being read just now, brings what this look wants to see; asking anew would also end the pause that
    -- a line takes which cannot be read.
    IF EXISTS (SELECT FROM sync.inbox i
                WHERE i.source = 'hub' AND i.event_id = 'line:' || service AND i.state = 'waiting') THEN
        RETURN true;
    END IF;
    -- Only what makes a call to the network is counted: looking again at what is requested already is free.
    IF EXISTS (SELECT FROM command.admit(gen_random_uuid(), 'refreshes', limits) WHERE refused_by IS NOT NULL) THEN
        RETURN false;
    END IF;
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
    VALUES ('hub', 'line:' || service, 'record', 'line', service)
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = now(), received_at = now(), attempts = 0, error = NULL
     WHERE i.state <> 'waiting';
    PERFORM pg_notify('hub_inbox', 'hub');
    RETURN true;
END
$$;
COMMENT ON FUNCTION sync.request_line_refresh(uuid, jsonb) IS
    'Request a refresh of a SIM line of the session''s customer; false: no such open line,'
    ' or its number is disputed, and looking does not settle that, or the customer had too much read lately, or support looks';

-- Somebody of the session's customer looks at invoices whose items are not read yet: of one, or of all (null).
CREATE OR REPLACE FUNCTION sync.request_items_refresh(invoice uuid, limits jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Of a customer who has more, the others follow when these are read and somebody looks again.
    at_once constant integer := 100;
    unread text[];
BEGIN
    unread := ARRAY(
        SELECT i.source_id
          FROM hub.invoices i
         WHERE i.account_id = hub.current_account('whmcs') AND i.deleted_at IS NULL AND i.items_as_of IS NULL
           AND (request_items_refresh.invoice IS NULL OR i.id = request_items_refresh.invoice)
         ORDER BY i.issued_on DESC, i.id DESC
         LIMIT at_once);
    IF unread = '{}' THEN
        RETURN 0;
    END IF;
    IF command.is_viewed() THEN
        RETURN cardinality(unread);
    END IF;
    IF NOT EXISTS (SELECT FROM unnest(unread) each
                     LEFT JOIN sync.inbox i ON i.source = 'hub' AND i.event_id = 'whmcs.invoice_details:' || each
                    WHERE i.state IS NULL OR i.state <> 'waiting' AND i.received_at < now() - interval '1 minute') THEN
        RETURN cardinality(unread);
    END IF;
    IF EXISTS (SELECT FROM command.admit(gen_random_uuid(), 'refreshes', limits) WHERE refused_by IS NOT NULL) THEN
        RETURN 0;
    END IF;
    INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
    SELECT 'hub', 'whmcs.invoice_details:' || each, 'record', 'whmcs.invoice_details', each FROM unnest(unread) each
    ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
       SET state = 'waiting', due_at = now(), received_at = now(), attempts = 0, error = NULL
     -- What was read in vain, because it cannot be represented, is not read again at every look.
     WHERE i.state <> 'waiting' AND i.received_at < now() - interval '1 minute';
    IF FOUND THEN
        PERFORM pg_notify('hub_inbox', 'hub');
    END IF;
    RETURN cardinality(unread);
END
$$;
COMMENT ON FUNCTION sync.request_items_refresh(uuid, jsonb) IS
    'Request a refresh of the items of an invoice of the session''s customer, or of all its invoices (null), where'
    ' they were never read; how many that are; 0 also where the customer had too much read lately. None where support looks';

-- What changed since a position, for whoever pushes it on: whose it is and what, never the values.
CREATE OR REPLACE FUNCTION sync.live_changes(after_xid xid8, after_seq bigint, at_most integer)
    RETURNS TABLE (xid xid8, seq bigint, customer_id uuid, entity text, entity_id uuid, operation text,
                   columns text[], changed_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.xid, c.seq, CASE WHEN c.entity = 'customers' THEN c.entity_id ELSE a.customer_id END, c.entity,
           -- An order that the hub placed goes by the id that the customer was given for it.
           CASE WHEN c.entity = 'orders'
                THEN coalesce((SELECT o.command_id FROM hub.orders o WHERE o.id = c.entity_id), c.entity_id)
                ELSE c.entity_id END, c.operation,
           (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(coalesce(c.after, '{}')) k), c.changed_at
      FROM sync.changes c LEFT JOIN hub.customer_accounts a ON a.id = c.account_id
     WHERE (c.xid, c.seq) > ($1, $2) AND c.xid >= $1 AND c.xid < pg_snapshot_xmin(pg_current_snapshot())
           -- What agents note on a case among themselves is shown to nobody.
       AND NOT (c.entity = 'case_comments' AND NOT coalesce((c.before ->> 'is_public')::boolean, false)
                AND NOT EXISTS (SELECT FROM hub.case_comments said WHERE said.id = c.entity_id AND said.is_public))
     ORDER BY c.xid, c.seq
     LIMIT $3
$$;
COMMENT ON FUNCTION sync.live_changes(xid8, bigint, integer) IS
    'Changes after a position, in the order to follow, by customer (null: everybody''s, such as products); no values';

-- The columns of hub.sims that hold what the network said of the line's number.
CREATE OR REPLACE FUNCTION hub.network_columns() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['status', 'source_status', 'plan_code', 'plan_name', 'sim_type', 'source_sim_type', 'iccid', 'imsi',
                 'network_eid', 'relation_code', 'contract_line', 'has_sms', 'has_voice', 'voicemail_enabled',
                 'call_waiting_enabled', 'roaming_enabled', 'remaining_quota_kb', 'started_on', 'pending_operation',
                 'pending_on', 'details_as_of', 'today_usage_kb', 'is_speed_restricted', 'usage_as_of']
$$;
COMMENT ON FUNCTION hub.network_columns() IS 'The columns of hub.sims that hold what the network said of the line''s number';

-- What the session's customer's rows were at a moment: of each row that changed since, the columns that differ from now.
-- Only of rows that the customer may read now, and of a row that was not its own, or was hidden, then: nothing of that time.
-- An older row that is not to be shown as it was is left as it is now.
CREATE OR REPLACE FUNCTION hub.earlier(entity text, at timestamptz) RETURNS TABLE (id uuid, was jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rule constant text := hub.row_rule(entity);
BEGIN
    IF rule IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        $q$
        WITH mine AS MATERIALIZED (
            SELECT c.entity_id, c.changed_at, c.seq, c.before
              FROM sync.changes c
             WHERE c.account_id = ANY(ARRAY[hub.current_account('salesforce'), hub.current_account('whmcs')])
               AND c.entity = $1 AND c.changed_at > $2 AND c.operation <> 'insert'
               AND EXISTS (SELECT FROM hub.%I WHERE %1$I.id = c.entity_id AND %s)
        ), begun AS (
            -- What came before it was shown, or before it was this customer's.
            SELECT DISTINCT ON (entity_id) entity_id, changed_at, seq
              FROM mine
             WHERE before -> 'is_public' = 'false' OR before ? 'account_id'
             ORDER BY entity_id, changed_at DESC, seq DESC
        )
        SELECT found.entity_id, jsonb_object_agg(found.key, found.value)
          FROM (SELECT DISTINCT ON (mine.entity_id, each.key) mine.entity_id, each.key, each.value
                  FROM mine
                  LEFT JOIN begun ON begun.entity_id = mine.entity_id
                  CROSS JOIN LATERAL jsonb_each(mine.before) each
                 WHERE (begun.entity_id IS NULL OR (mine.changed_at, mine.seq) > (begun.changed_at, begun.seq))
                   -- What the network said of a number may have been said of another's line by then.
                   AND NOT ($1 = 'sims' AND each.key = ANY(hub.network_columns()))
                 ORDER BY mine.entity_id, each.key, mine.changed_at, mine.seq) found
         GROUP BY found.entity_id
        $q$, entity, rule) USING entity, at;
END
$$;
COMMENT ON FUNCTION hub.earlier(text, timestamptz) IS
    'What rows of the session''s customer were at a moment: id, and the columns that were not as now. Rows that did not'
    ' change since are not among them, nor those first stored later (first_seen_at)';

-- The change log's months: those to come exist, those older than the retention go.
CREATE OR REPLACE FUNCTION sync.keep_history(months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    this_month constant timestamptz := date_trunc('month', now());
    begins timestamptz;
    found record;
    dropped integer := 0;
BEGIN
    IF months < 1 THEN
        RAISE EXCEPTION 'at least the running month of history is kept';
    END IF;
    FOR ahead IN 1..12 LOOP
        begins := this_month + make_interval(months => ahead);
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS history.%I PARTITION OF sync.changes FOR VALUES FROM (%L) TO (%L)',
            to_char(begins, '"changes_"YYYY_MM'), begins, begins + interval '1 month');
    END LOOP;
    FOR found IN
        SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'sync.changes'::regclass
           AND substring(pg_get_expr(c.relpartbound, c.oid) FROM $p$ TO \('([^']+)'\)$p$)::timestamptz
               <= this_month - make_interval(months => months - 1)
    LOOP
        EXECUTE format('DROP TABLE history.%I', found.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION sync.keep_history(integer) IS
    'Make the change log''s coming months, drop those older than so many (the running one counts); how many went';

-- May the session's customer do this now? Everything that costs a call to a source, a thread, a connection or a catch-up
-- asks here before it starts, and is counted. limits: at_once, per_minute, per_day, open (unfinished commands), share
-- (percent of the quota of calls that `system` says it has) of which this takes about `calls`; expires_after: seconds
-- for which it counts as under way, unless it is released before. What is not named is not limited.
-- refused_by: the limit that is reached, `role` where the session's may not
-- do it, or null: admitted. retry_after: seconds until that limit lets something pass.
CREATE OR REPLACE FUNCTION command.admit(admission uuid, kind text, limits jsonb)
    RETURNS TABLE (refused_by text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    who constant uuid := hub.current_customer();
    moment timestamptz;
    recent record;
    spent record;
    still_open bigint;
BEGIN
    IF who IS NULL THEN
        RETURN QUERY SELECT 'unknown', 1;
        RETURN;
    END IF;
    -- What becomes a command is also asked of command.accept; a pay link, and an upload while it lasts, only here.
    IF kind IN ('pay_links', 'uploads') AND NOT command.may(
        CASE kind WHEN 'uploads' THEN 'submit_identity_document' ELSE kind END, current_setting('hub.role', true)
    ) THEN
        RETURN QUERY SELECT 'role', 1;
        RETURN;
    END IF;
    IF command.is_viewed() THEN
        RETURN QUERY SELECT NULL::text, 0;
        RETURN;
    END IF;
    -- One at a time for each customer, so that counting and storing are one.
    PERFORM pg_advisory_xact_lock(hashtext('command.accept'), hashtext(who::text));
    moment := clock_timestamp();
    -- Asked twice, because the connection broke before the answer came.
    IF EXISTS (SELECT FROM command.admissions a WHERE a.id = admission AND a.customer_id = who) THEN
        RETURN QUERY SELECT NULL::text, 0;
        RETURN;
    END IF;
    DELETE FROM command.admissions a
     WHERE a.customer_id = who AND a.kind = admit.kind AND a.admitted_at <= moment - interval '1 day';
    SELECT count(*) FILTER (WHERE a.until > moment) AS at_once, min(a.until) FILTER (WHERE a.until > moment) AS one_ends,
           count(*) FILTER (WHERE a.admitted_at > moment - interval '1 minute') AS per_minute,
           min(a.admitted_at) FILTER (WHERE a.admitted_at > moment - interval '1 minute') AS minute_began,
           count(*) AS per_day, min(a.admitted_at) AS day_began
      INTO recent
      FROM command.admissions a
     WHERE a.customer_id = who AND a.kind = admit.kind;
    SELECT coalesce(sum(a.calls), 0) AS calls, min(a.admitted_at) AS began,
           (SELECT s.quota_limit FROM sync.sources s WHERE s.system = limits ->> 'system') AS quota
      INTO spent
      FROM command.admissions a
     WHERE a.customer_id = who AND a.system = limits ->> 'system' AND a.admitted_at > moment - interval '1 day';
    -- An upload that is under way will be a command.
    still_open := CASE WHEN limits ? 'open' THEN
        (SELECT count(*) FROM command.commands c
          WHERE c.customer_id = who AND c.status IN ('accepted', 'running', 'waiting', 'dead'))
        + (SELECT count(*) FROM command.admissions a
            WHERE a.customer_id = who AND a.kind = 'uploads' AND a.until > moment) END;
    RETURN QUERY
    SELECT reached.name, greatest(ceil(extract(epoch FROM reached.ends - moment)), 1)::integer
      FROM (VALUES ('at_once', recent.at_once >= (limits ->> 'at_once')::integer, recent.one_ends),
                   ('per_minute', recent.per_minute >= (limits ->> 'per_minute')::integer,
                    recent.minute_began + interval '1 minute'),
                   ('per_day', recent.per_day >= (limits ->> 'per_day')::integer, recent.day_began + interval '1 day'),
                   -- When one of them ends, nobody knows.
                   ('open', still_open >= (limits ->> 'open')::integer, moment + interval '10 seconds'),
                   ('quota_share', spent.calls > 0 AND (spent.calls + (limits ->> 'calls')::integer) * 100
                                                       > spent.quota * (limits ->> 'share')::numeric,
                    spent.began + interval '1 day')) AS reached (name, is_reached, ends)
     WHERE reached.is_reached
     ORDER BY reached.ends DESC
     LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO command.admissions (id, customer_id, kind, admitted_at, until, system, calls)
    VALUES (admission, who, admit.kind, moment, moment + (limits ->> 'expires_after')::double precision * interval '1 second',
            limits ->> 'system', coalesce((limits ->> 'calls')::integer, 0));
    RETURN QUERY SELECT NULL::text, 0;
END
$$;
COMMENT ON FUNCTION command.admit(uuid, text, jsonb) IS
    'Count a request of the session''s customer that costs something, unless a limit is reached: then say which';

CREATE OR REPLACE FUNCTION command.release(admission uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE command.admissions SET until = NULL WHERE id = admission AND customer_id = hub.current_customer()
$$;
COMMENT ON FUNCTION command.release(uuid) IS 'What was admitted is no longer under way';

-- A customer asks for something: stored once per key, and whoever does such things is woken.
-- outcome: accepted, repeated (the same asked before under this key), conflict (something else was), unlinked (the
-- customer has no account there, or is gone), forbidden (the session's role, hub.role, may not ask for that kind), stale
-- (for that kind, they must have proven who they are just now, hub.fresh), unknown (the customer may read no such subject), refused (a limit is reached: see command.admit). What was admitted before under
-- the same id is not counted again.
CREATE OR REPLACE FUNCTION command.accept(
    kind text, system text, subject_kind text, subject_id uuid, lane text, idempotency_key text, request_hash text,
    input jsonb, request_id text, deadline interval, admission uuid, limits jsonb
) RETURNS TABLE (outcome text, id uuid, accepted_at timestamptz, refused_by text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    who constant uuid := hub.current_customer();
    account constant uuid := hub.current_account(system);
    new_id constant uuid := gen_random_uuid();
    earlier record;
    is_theirs boolean := true;
    refused record;
BEGIN
    IF account IS NULL THEN
        RETURN QUERY SELECT 'unlinked', NULL::uuid, NULL::timestamptz, NULL::text, NULL::integer;
        RETURN;
    END IF;
    IF NOT command.may(accept.kind, current_setting('hub.role', true)) THEN
        RETURN QUERY SELECT 'forbidden', NULL::uuid, NULL::timestamptz, NULL::text, NULL::integer;
        RETURN;
    END IF;
    IF command.needs_fresh(accept.kind) AND current_setting('hub.fresh', true) IS DISTINCT FROM 'true' THEN
        RETURN QUERY SELECT 'stale', NULL::uuid, NULL::timestamptz, NULL::text, NULL::integer;
        RETURN;
    END IF;
    -- Whoever calls this may have asked whose the subject is, or not.
    IF accept.subject_id IS NOT NULL THEN
        is_theirs := false;
        IF accept.subject_kind = ANY('{customers,sims,subscriptions,support_cases,orders,invoices}') THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM hub.%I WHERE id = $1 AND deleted_at IS NULL AND %s)',
                           accept.subject_kind, hub.row_rule(accept.subject_kind))
               INTO is_theirs USING accept.subject_id;
        END IF;
    END IF;
    IF NOT is_theirs THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::timestamptz, NULL::text, NULL::integer;
        RETURN;
    END IF;
    -- One at a time for each customer, so that counting and storing are one.
    PERFORM pg_advisory_xact_lock(hashtext('command.accept'), hashtext(who::text));
    SELECT c.id, c.accepted_at, c.request_hash = accept.request_hash AS is_same INTO earlier
      FROM command.commands c
     WHERE c.idempotency_key = accept.idempotency_key
       AND (c.customer_id = who
            OR c.account_id = ANY(ARRAY[hub.current_account('salesforce'), hub.current_account('whmcs')]));
    IF FOUND THEN
        RETURN QUERY SELECT CASE WHEN earlier.is_same THEN 'repeated' ELSE 'conflict' END, earlier.id,
                            earlier.accepted_at, NULL::text, NULL::integer;
        RETURN;
    END IF;
    SELECT a.refused_by, a.retry_after INTO refused FROM command.admit(admission, 'commands', limits) a;
    IF refused.refused_by IS NOT NULL THEN
        RETURN QUERY SELECT 'refused', NULL::uuid, NULL::timestamptz, refused.refused_by, refused.retry_after;
        RETURN;
    END IF;
    INSERT INTO command.commands (id, kind, customer_id, account_id, subject_kind, subject_id, lane, idempotency_key,
                                  request_hash, input, request_id, deadline_at)
    VALUES (new_id, accept.kind, who, account, accept.subject_kind, coalesce(accept.subject_id, new_id),
            -- A lane that the caller names is the account's own, so that nobody stands in another's way.
            coalesce(account || ':' || accept.lane, accept.subject_kind || ':' || coalesce(accept.subject_id, new_id)),
            accept.idempotency_key, accept.request_hash, accept.input, accept.request_id, now() + accept.deadline);
    PERFORM pg_notify('hub_commands', accept.kind);
    RETURN QUERY SELECT 'accepted', new_id, now(), NULL::text, NULL::integer;
END
$$;
COMMENT ON FUNCTION command.accept(text, text, text, uuid, text, text, text, jsonb, text, interval, uuid, jsonb) IS
    'Store what the session''s customer asks for, once per key; says what became of it. Wakes the forwarders';

-- What stays of a command's input once it is forgotten: of an order that only failed, the list of orders still shows this.
CREATE OR REPLACE FUNCTION command.kept_input(kind text, input jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE kind WHEN 'place_order' THEN jsonb_strip_nulls(jsonb_build_object(
               'type', input -> 'type', 'activateOn', input -> 'activateOn', 'accessMode', input -> 'accessMode',
               'sim', jsonb_build_object('simType', input #> '{sim,simType}'))) ELSE '{}' END
$$;
COMMENT ON FUNCTION command.kept_input(text, jsonb) IS 'Of what was asked for, what is kept for good';

-- What becomes of a command is a change like any other: pushed live, and a reason to read again what was cached.
CREATE OR REPLACE FUNCTION command.tell() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.status, OLD.waits_for) IS NOT DISTINCT FROM (NEW.status, NEW.waits_for) THEN
        RETURN NULL;
    END IF;
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
    VALUES ('commands', NEW.id, NEW.account_id, lower(TG_OP),
            CASE WHEN TG_OP = 'UPDATE' THEN jsonb_build_object('status', OLD.status, 'waits_for', OLD.waits_for) END,
            CASE WHEN TG_OP = 'UPDATE' THEN jsonb_build_object('status', NEW.status, 'waits_for', NEW.waits_for) END);
    PERFORM pg_notify('hub_changes', '');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tell AFTER INSERT OR UPDATE ON command.commands
    FOR EACH ROW EXECUTE FUNCTION command.tell();

-- Whose is a number that several open lines have? WHMCS keeps a number on the service of the customer before while it is
-- suspended, and numbers are given out again. Until the network shows whose line it is (sim/prove_numbers.sql), it is
-- disputed: none of the lines keeps what the network said of it, and none takes a command. Triggers, because the answer is
-- another one for a line when something happens to somebody else's.

-- Lines are judged by one transaction at a time: two that bring the same number must see each other.
CREATE OR REPLACE FUNCTION hub.lock_numbers() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtext('hub.sims'), hashtext('msisdn'))
$$;
COMMENT ON FUNCTION hub.lock_numbers() IS
    'Wait until nobody else changes whose number is whose, and let nobody until the transaction ends';

-- Before any row is locked, so that two such transactions cannot wait for each other.
CREATE OR REPLACE FUNCTION hub.lock_numbers_first() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hub.lock_numbers();
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER lock_numbers
    BEFORE INSERT OR UPDATE OF msisdn, is_open, deleted_at, number_claim ON hub.sims
    FOR EACH STATEMENT EXECUTE FUNCTION hub.lock_numbers_first();

-- What the network said is no longer these lines': it goes from the tables that customers read, and the log says so.
CREATE OR REPLACE FUNCTION hub.withdraw_details(lines uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH held AS (
        SELECT line.id, jsonb_object_agg(each.key, each.value) AS before, jsonb_object_agg(each.key, NULL::text) AS after
          FROM hub.sims line CROSS JOIN LATERAL jsonb_each(to_jsonb(line)) each
         WHERE line.id = ANY(lines) AND each.key = ANY(hub.network_columns()) AND each.value <> 'null'
         GROUP BY line.id
    ), withdrawn AS (
        UPDATE hub.sims line
           SET (status, source_status, plan_code, plan_name, sim_type, source_sim_type, iccid, imsi, network_eid,
                relation_code, contract_line, has_sms, has_voice, voicemail_enabled, call_waiting_enabled,
                roaming_enabled, remaining_quota_kb, started_on, pending_operation, pending_on, details_as_of,
                today_usage_kb, is_speed_restricted, usage_as_of, changed_at)
             = (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, now())
          FROM held
         WHERE line.id = held.id
        RETURNING line.id, line.account_id, held.before, held.after
    )
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
    SELECT 'sims', id, account_id, 'update', before, after FROM withdrawn;
    WITH withdrawn AS (
        UPDATE hub.sim_usage day SET deleted_at = now(), changed_at = now()
         WHERE day.sim_id = ANY(lines) AND day.deleted_at IS NULL
        RETURNING day.id, day.account_id, day.deleted_at
    )
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
    SELECT 'sim_usage', id, account_id, 'delete', '{"deleted_at": null}', jsonb_build_object('deleted_at', deleted_at)
      FROM withdrawn;
END
$$;

-- Judge again the lines that have one of these numbers, and these lines.
CREATE OR REPLACE FUNCTION hub.judge_lines(lines uuid[], numbers text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    closed uuid[];
BEGIN
    WITH judged AS (
        SELECT line.id, line.is_open AND line.deleted_at IS NULL AS is_there, line.number_claim AS was,
               EXISTS (SELECT FROM hub.sims other
                        WHERE other.msisdn = line.msisdn AND other.id <> line.id AND other.is_open
                          AND other.deleted_at IS NULL) AS is_shared
          FROM hub.sims line
         WHERE line.id IN (SELECT unnest(lines) UNION SELECT same.id FROM hub.sims same WHERE same.msisdn = ANY(numbers))
    ), changed AS (
        -- One that was proven among others is to be proven again.
        UPDATE hub.sims line
           SET number_claim = CASE WHEN judged.is_there AND judged.is_shared THEN 'disputed' ELSE 'undisputed' END,
               changed_at = now()
          FROM judged
         WHERE line.id = judged.id
           AND judged.was <> CASE WHEN judged.is_there AND judged.is_shared THEN 'disputed' ELSE 'undisputed' END
    )
    SELECT array_agg(id) INTO closed FROM judged WHERE is_shared AND NOT is_there;
    -- Nobody knows since when the number is another's: what a closed line has of the network may be said of that one.
    PERFORM hub.withdraw_details(closed);
END
$$;

CREATE OR REPLACE FUNCTION hub.watch_numbers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    -- A transaction that writes a page has it off, for merges that probe by id; these two tables have no index.
    SET enable_hashjoin = on
AS $$
DECLARE
    lines uuid[];
    numbers text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(line.id), array_agg(line.msisdn) INTO lines, numbers
          FROM now_are line
         WHERE EXISTS (SELECT FROM hub.sims other WHERE other.msisdn = line.msisdn AND other.id <> line.id);
    ELSE
        SELECT array_agg(line.id), array_agg(line.msisdn) || array_agg(was.msisdn) INTO lines, numbers
          FROM now_are line JOIN were was USING (id)
         WHERE (line.msisdn, line.is_open, line.deleted_at IS NULL)
               IS DISTINCT FROM (was.msisdn, was.is_open, was.deleted_at IS NULL);
    END IF;
    IF lines IS NOT NULL THEN
        PERFORM hub.judge_lines(lines, numbers);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER watch_new_numbers AFTER INSERT ON hub.sims
    REFERENCING NEW TABLE AS now_are FOR EACH STATEMENT EXECUTE FUNCTION hub.watch_numbers();
CREATE OR REPLACE TRIGGER watch_numbers AFTER UPDATE ON hub.sims
    REFERENCING OLD TABLE AS were NEW TABLE AS now_are FOR EACH STATEMENT EXECUTE FUNCTION hub.watch_numbers();

-- What follows from a verdict, whoever gave it: details go, operators and the customer see it, the network is asked.
CREATE OR REPLACE FUNCTION hub.tell_number_claim() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.number_claim = 'disputed' THEN
        PERFORM hub.withdraw_details(ARRAY[NEW.id]);
        INSERT INTO sync.quarantine AS q (dataset, source_id, payload, reason, mapper_version)
        VALUES ('sim.numbers', NEW.source_id, jsonb_build_object('msisdn', NEW.msisdn),
                'several open services have the number, and the network has not shown that it is this one''s', '1')
        ON CONFLICT (dataset, source_id) DO UPDATE
           SET payload = excluded.payload, last_seen_at = now(), times_seen = q.times_seen + 1, resolved_at = NULL;
    ELSE
        UPDATE sync.quarantine q SET resolved_at = now()
         WHERE q.dataset = 'sim.numbers' AND q.source_id = NEW.source_id AND q.resolved_at IS NULL;
    END IF;
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
    VALUES ('sims', NEW.id, NEW.account_id, 'update', jsonb_build_object('number_claim', OLD.number_claim),
            jsonb_build_object('number_claim', NEW.number_claim));
    PERFORM pg_notify('hub_changes', '');
    IF NEW.is_open AND NEW.deleted_at IS NULL AND NEW.msisdn IS NOT NULL THEN
        UPDATE hub.sims SET details_due_at = now(), usage_due_at = now() WHERE id = NEW.id;
        INSERT INTO sync.inbox AS i (source, event_id, kind, entity, record_id)
        VALUES ('hub', 'line:' || NEW.source_id, 'record', 'line', NEW.source_id)
        -- Also while the line is being read: that reading was asked for before the verdict, and does not settle this one.
        ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE
           SET state = 'waiting', due_at = clock_timestamp(), received_at = clock_timestamp(), attempts = 0, error = NULL;
        PERFORM pg_notify('hub_inbox', 'hub');
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tell_number_claim AFTER UPDATE OF number_claim ON hub.sims
    FOR EACH ROW WHEN (OLD.number_claim <> NEW.number_claim) EXECUTE FUNCTION hub.tell_number_claim();

-- The network was asked about a disputed line, for proof, and nothing of it was kept: the line was not read.
CREATE OR REPLACE FUNCTION hub.keep_unread() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.details_as_of := NULL;
    NEW.usage_as_of := NULL;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER keep_unread BEFORE UPDATE ON hub.sims
    FOR EACH ROW WHEN (NEW.number_claim = 'disputed' AND (NEW.details_as_of IS NOT NULL OR NEW.usage_as_of IS NOT NULL))
    EXECUTE FUNCTION hub.keep_unread();

-- Lines that were there before they were judged.
SELECT hub.judge_lines(array_agg(line.id), array_agg(line.msisdn))
  FROM hub.sims line
 WHERE line.number_claim = 'undisputed' AND line.is_open AND line.deleted_at IS NULL
   AND EXISTS (SELECT FROM hub.sims other
                WHERE other.msisdn = line.msisdn AND other.id <> line.id AND other.is_open AND other.deleted_at IS NULL);

SELECT sync.keep_history(1200);
