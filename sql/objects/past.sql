-- The tables as they were at a moment, for questions that are asked of the past: hub.invoices_at(moment) has the columns
-- of hub.invoices. What differs from now is in the change log; a row that was first stored later was not there.
-- They read as whoever asks, so row-level security holds as it does for the tables. They have no search_path of their own:
-- PostgreSQL merges such a function into the question, which then computes only the columns that it names.
-- A table that is not listed has no past that may be shown: hub.earlier reads the log of the customer's own accounts, so
-- of the catalogue, for one, it would show the present.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['customer_accounts', 'invoice_items', 'invoices', 'order_items', 'orders', 'payments',
                                'sims', 'subscriptions'] LOOP
        EXECUTE format(
            $q$
            CREATE OR REPLACE FUNCTION hub.%I(moment timestamptz) RETURNS SETOF hub.%I LANGUAGE sql STABLE AS $f$
                SELECT was.*
                  FROM hub.%2$I now_
                  LEFT JOIN hub.earlier(%2$L, moment) earlier ON earlier.id = now_.id
                 CROSS JOIN LATERAL jsonb_populate_record(now_, coalesce(earlier.was, '{}')) was
                 WHERE now_.first_seen_at <= moment
            $f$
            $q$, name || '_at', name);
        EXECUTE format('COMMENT ON FUNCTION hub.%I(timestamptz) IS %L', name || '_at',
                       format('The rows of hub.%s that the session may read, as they were at a moment', name));
    END LOOP;
END
$$;

-- A command that had not ended by then was still to be done. What it waited for then is not known.
CREATE OR REPLACE FUNCTION command.commands_at(moment timestamptz)
    RETURNS TABLE (id uuid, seq bigint, kind text, account_id uuid, subject_kind text, subject_id uuid, input jsonb,
                   status text, waits_for text, failure_code text, failure_reason text, accepted_at timestamptz,
                   finished_at timestamptz)
    LANGUAGE sql STABLE
AS $$
    SELECT now_.id, now_.seq, now_.kind, now_.account_id, now_.subject_kind, now_.subject_id, now_.input,
           CASE WHEN now_.finished_at <= moment THEN now_.status ELSE 'accepted' END, NULL::text,
           CASE WHEN now_.finished_at <= moment THEN now_.failure_code END,
           CASE WHEN now_.finished_at <= moment THEN now_.failure_reason END,
           now_.accepted_at, CASE WHEN now_.finished_at <= moment THEN now_.finished_at END
      FROM command.commands now_
     WHERE now_.accepted_at <= moment
$$;
COMMENT ON FUNCTION command.commands_at(timestamptz) IS
    'The commands that the session may read, as they stood at a moment';
