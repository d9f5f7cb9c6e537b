-- What each role may do. Everything is taken back first, so that this file is the whole truth.
REVOKE ALL ON SCHEMA hub, sync, command, auth, history, analytics
    FROM PUBLIC, hub_sync, hub_api, hub_auth, hub_analyst, hub_reading, hub_pii;
REVOKE ALL ON ALL TABLES IN SCHEMA hub, sync, command, auth, history, analytics
    FROM PUBLIC, hub_sync, hub_api, hub_auth, hub_analyst, hub_reading, hub_pii;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA hub, sync, command, auth, history, analytics
    FROM PUBLIC, hub_sync, hub_api, hub_auth, hub_analyst, hub_reading, hub_pii;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA hub, sync, command, auth, history, analytics
    FROM PUBLIC, hub_sync, hub_api, hub_auth, hub_analyst, hub_reading, hub_pii;

GRANT USAGE ON SCHEMA hub, sync, command TO hub_sync, hub_api;
GRANT USAGE ON SCHEMA analytics, sync, command TO hub_reading;
GRANT USAGE ON SCHEMA auth TO hub_auth, hub_api, hub_sync;

-- The sync reads and writes rows; it does not change tables.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hub, sync, command TO hub_sync;
REVOKE INSERT, UPDATE, DELETE ON sync.migration FROM hub_sync;
-- The brake on deletions is lifted by `hub sync --allow-deletions` alone, as the owner: a run cannot give itself a permit.
REVOKE INSERT, UPDATE, DELETE ON sync.deletion_permits FROM hub_sync;
-- Who was erased stays erased: `hub customer erase` says it, as the owner.
REVOKE INSERT, UPDATE, DELETE ON sync.erased, sync.erasures FROM hub_sync;
GRANT EXECUTE ON FUNCTION sync.keep_history(integer),
    sync.receive_notification(text, text, text, text, text, timestamptz, jsonb), hub.lock_numbers(),
    command.kept_input(text, jsonb) TO hub_sync;

-- The read API reads its customer's rows, how old they are, and whether the database is at its level.
GRANT SELECT ON ALL TABLES IN SCHEMA hub TO hub_api;
GRANT SELECT ON sync.freshness, sync.migration TO hub_api;
GRANT EXECUTE ON FUNCTION hub.current_customer(), hub.current_account(text) TO hub_api;

-- It also stores notifications, requests refreshes of lines and items, and pushes changes: each by a function that says
-- what.
GRANT EXECUTE ON FUNCTION sync.receive_notification(text, text, text, text, text, timestamptz, jsonb),
    sync.request_line_refresh(uuid, jsonb), sync.request_items_refresh(uuid, jsonb),
    sync.live_changes(xid8, bigint, integer) TO hub_api;

-- What it may read now, it may read as it was (past.sql).
GRANT EXECUTE ON FUNCTION hub.earlier(text, timestamptz), hub.customer_accounts_at(timestamptz),
    hub.invoice_items_at(timestamptz), hub.invoices_at(timestamptz), hub.order_items_at(timestamptz),
    hub.orders_at(timestamptz), hub.payments_at(timestamptz), hub.sims_at(timestamptz),
    hub.subscriptions_at(timestamptz), command.commands_at(timestamptz) TO hub_api;

-- It stores what its customer asks for by one function, and reads what became of it, but neither who works on it nor how.
GRANT EXECUTE ON FUNCTION command.accept(text, text, text, uuid, text, text, text, jsonb, text, interval, uuid, jsonb),
    command.admit(uuid, text, jsonb), command.release(uuid) TO hub_api;
GRANT SELECT (id, seq, kind, account_id, subject_kind, subject_id, idempotency_key, request_hash, input, status,
              waits_for, failure_code, failure_reason, result, accepted_at, finished_at) ON command.commands TO hub_api;

-- Analysts (hub_reading) read everything but raw payloads, which hold what no column was made for; what is personal is masked
-- by the views of schema analytics (sql/personal.py).
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO hub_reading;
GRANT SELECT ON sync.freshness, sync.runs, sync.migration TO hub_reading;
-- Of commands, everything but their input, which may hold more of a person than any column.
GRANT SELECT (id, seq, kind, customer_id, account_id, subject_kind, subject_id, status, due_at, attempts, deadline_at,
              waits_for, failure_code, accepted_at, started_at, finished_at) ON command.commands TO hub_reading;
GRANT SELECT (command_id, name, number, status, attempts, started_at, done_at) ON command.steps TO hub_reading;

-- Who comes in is decided by functions alone: the API's other log-in reads no table, neither of schema auth nor of any other.
GRANT EXECUTE ON FUNCTION auth.known(text), auth.attempt(text, jsonb), auth.signing_key(),
    auth.begin_session(uuid, uuid, text, text, bytea, text, text[], interval, text, text, boolean, bytea),
    auth.refresh(bytea, bytea, bytea, bytea, interval, interval, interval, text),
    auth.me(uuid), auth.sessions_of(uuid), auth.end_session(uuid, uuid, text), auth.end_session_of(bytea, text),
    auth.end_all_sessions(uuid, text), auth.act_for(uuid, uuid, text), auth.password_of(uuid),
    auth.change_password(uuid, text, text, boolean, text), auth.note(text, text, text, text, text, jsonb) TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.tell_limited(text, jsonb, text),
    auth.request_password_link(text, bytea, text, integer, text), auth.password_link(bytea),
    auth.set_password_by_link(bytea, text, boolean, text, text) TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.second_methods(uuid), auth.step_up_methods(uuid), auth.proving(uuid),
    auth.authenticated_at(uuid), auth.open_challenge(bytea, uuid, text, bytea, text, interval, text),
    auth.try_challenge(bytea, bytea, integer),
    auth.meet_challenge(bytea, bytea, text, text, uuid, bytea, text, interval, text, text),
    auth.step_up(uuid, text, text, text, text), auth.factors_of(uuid), auth.begin_totp(uuid, interval, text),
    auth.confirm_totp(uuid, interval, text, bigint, bytea[], text, text), auth.end_totp(uuid, interval, text),
    auth.renew_recovery_codes(uuid, interval, bytea[], text) TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.begin_sign_up(uuid, bytea, bytea, text, text, text, text),
    auth.verify_sign_up(bytea, bytea, text, text), auth.sign_up(bytea),
    auth.complete_sign_up(bytea, uuid, text, jsonb, text, text),
    auth.begin_link(bytea, uuid, text, text, uuid, text, interval, text) TO hub_auth;
-- Who signed up is let in by the command that made their account, and by nothing else.
GRANT EXECUTE ON FUNCTION auth.let_in(uuid, uuid) TO hub_sync;
GRANT EXECUTE ON FUNCTION auth.begin_view(uuid, uuid, interval, uuid, uuid, text, interval, text),
    auth.note_view(uuid, text, text, text), auth.me_by_view(uuid), auth.views_of(uuid), auth.end_views(uuid, text)
    TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.members(uuid), auth.change_member(uuid, interval, uuid, text, text),
    auth.invite(uuid, interval, uuid, text, text, text, bytea, text, integer, text), auth.invitations_of(uuid),
    auth.end_invitation(uuid, interval, uuid, text), auth.invitation(bytea), auth.accept_invitation(bytea, uuid, text, text)
    TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.request_email_change(uuid, interval, text, bytea, text, integer, text),
    auth.confirm_email(bytea, uuid, text) TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.begin_ceremony(bytea, bytea, interval), auth.passkey(bytea),
    auth.enter_by_passkey(uuid, text, uuid, bytea, text, interval, text),
    auth.begin_passkey(uuid, interval, bytea, bytea, interval),
    auth.add_passkey(
        uuid, interval, bytea, bytea, uuid, text, bytea, bytea, bigint, text[], boolean, bytea[], text),
    auth.end_passkey(uuid, interval, uuid, text) TO hub_auth;
GRANT EXECUTE ON FUNCTION auth.waits_for_code(bytea, bytea),
    auth.send_code(bytea, bytea, text, bytea, integer, text, text), auth.remember_device(uuid, bytea, interval, text),
    auth.devices_of(uuid), auth.forget_device(uuid, uuid, text) TO hub_auth;
-- What checks tokens needs no secret, and is the same for both log-ins.
GRANT EXECUTE ON FUNCTION auth.verifying(interval) TO hub_api, hub_auth;
GRANT EXECUTE ON FUNCTION auth.good_service_keys() TO hub_api;
GRANT EXECUTE ON FUNCTION auth.note_key_use(uuid, text, text) TO hub_auth;
-- The worker sends messages one at a time, and sees of each what it needs for that.
GRANT EXECUTE ON FUNCTION auth.forget(), auth.claim_message(interval), auth.end_claim(uuid, integer, text, text)
    TO hub_sync;
