"""Schema auth: who may come in. Role hub_auth is made by sql/objects/roles.sql, which needs CREATEROLE the first time."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE SCHEMA auth;
CREATE TABLE auth.attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    tried_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT attempts_pkey PRIMARY KEY (id)
);
CREATE INDEX attempts_kind_key_tried_at_idx ON auth.attempts (kind, key, tried_at);
COMMENT ON TABLE auth.attempts IS 'One row per try of the last day that is limited, counted by all copies of the API together.';
COMMENT ON COLUMN auth.attempts.id IS 'Running number';
COMMENT ON COLUMN auth.attempts.kind IS 'What was tried, such as login';
COMMENT ON COLUMN auth.attempts.key IS 'Whose tries are counted together: a hash of the account, the address or the token';
COMMENT ON COLUMN auth.attempts.tried_at IS 'When, UTC';
CREATE TABLE auth.audit (
    seq BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    on_behalf_of TEXT,
    action TEXT NOT NULL,
    record TEXT,
    address TEXT,
    details JSONB DEFAULT '{}' NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_pkey PRIMARY KEY (seq)
);
COMMENT ON TABLE auth.audit IS 'Who did what to which record, from where. Entries are only added; each holds the hash of the one before.';
COMMENT ON COLUMN auth.audit.seq IS 'Place in the chain, from 1, without gaps';
COMMENT ON COLUMN auth.audit.at IS 'When, UTC';
COMMENT ON COLUMN auth.audit.actor IS 'Who: user:<id>, operator:<login>, or anybody (not known)';
COMMENT ON COLUMN auth.audit.on_behalf_of IS 'As whom, where that is somebody else: user:<id>';
COMMENT ON COLUMN auth.audit.action IS 'What was done, such as login.succeeded';
COMMENT ON COLUMN auth.audit.record IS 'To which record, such as session:<id>';
COMMENT ON COLUMN auth.audit.address IS 'From which network address';
COMMENT ON COLUMN auth.audit.details IS 'What else is to be known; no personal data';
COMMENT ON COLUMN auth.audit.previous IS 'Hash of the entry before; of the first: 32 zero bytes';
COMMENT ON COLUMN auth.audit.hash IS 'SHA-256 of the entry before''s hash and of this entry''s text (auth.audit_text)';
CREATE TABLE auth.revocations (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    session_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT revocations_pkey PRIMARY KEY (id)
);
CREATE INDEX revocations_revoked_at_idx ON auth.revocations (revoked_at);
COMMENT ON TABLE auth.revocations IS 'Which access tokens are called back before they end; every copy of the API reads the latest each second.';
COMMENT ON COLUMN auth.revocations.id IS 'Running number';
COMMENT ON COLUMN auth.revocations.session_id IS 'Session: auth.sessions.id';
COMMENT ON COLUMN auth.revocations.epoch IS 'Access tokens of earlier epochs are refused';
COMMENT ON COLUMN auth.revocations.revoked_at IS 'When, UTC';
CREATE TABLE auth.signing_keys (
    kid TEXT NOT NULL,
    algorithm TEXT NOT NULL CONSTRAINT signing_keys_algorithm_check CHECK (algorithm IN ('EdDSA')),
    state TEXT NOT NULL CONSTRAINT signing_keys_state_check CHECK (state IN ('next', 'current', 'retired')),
    public_key BYTEA NOT NULL,
    private_key BYTEA,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    verifies_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
);
CREATE UNIQUE INDEX signing_keys_one_each_idx ON auth.signing_keys (state) WHERE state IN ('next', 'current');
COMMENT ON TABLE auth.signing_keys IS 'Keys of access tokens. The next one is published before it signs; retired ones verify what they signed.';
COMMENT ON COLUMN auth.signing_keys.kid IS 'Name of the key in tokens and in /.well-known/jwks.json';
COMMENT ON COLUMN auth.signing_keys.algorithm IS 'What it signs with: EdDSA';
COMMENT ON COLUMN auth.signing_keys.state IS 'next: published, signs later; current: signs: next, current, retired';
COMMENT ON COLUMN auth.signing_keys.public_key IS 'Public key, 32 bytes (Ed25519)';
COMMENT ON COLUMN auth.signing_keys.private_key IS 'Private key, 32 bytes; null: it signs no more';
COMMENT ON COLUMN auth.signing_keys.created_at IS 'When it was made, UTC';
COMMENT ON COLUMN auth.signing_keys.retired_at IS 'When it stopped signing, UTC';
COMMENT ON COLUMN auth.signing_keys.verifies_until IS 'Until when its tokens are good, UTC; null: it is not retired';
CREATE TABLE auth.users (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT,
    password_set_at TIMESTAMP WITH TIME ZONE,
    locked_until TIMESTAMP WITH TIME ZONE,
    lock_reason TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email_key ON auth.users (lower(email));
COMMENT ON TABLE auth.users IS 'One row per person who may log in.';
COMMENT ON COLUMN auth.users.id IS 'Person: `sub` of their tokens';
COMMENT ON COLUMN auth.users.email IS 'E-mail address, as typed; upper and lower case are the same';
COMMENT ON COLUMN auth.users.password_hash IS 'Argon2id hash with its parameters; null: no password is set';
COMMENT ON COLUMN auth.users.password_set_at IS 'When the password was set, UTC';
COMMENT ON COLUMN auth.users.locked_until IS 'Until when the person is kept out, UTC; infinity: until somebody unlocks; null: not locked';
COMMENT ON COLUMN auth.users.lock_reason IS 'Why, in an operator''s words';
COMMENT ON COLUMN auth.users.created_at IS 'When the person was added, UTC';
CREATE TABLE auth.memberships (
    user_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    role TEXT NOT NULL CONSTRAINT memberships_role_check CHECK (role IN ('owner', 'billing', 'technical', 'read_only')),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (user_id, customer_id),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.memberships IS 'Which customers a person may act for, and as what. No row: nothing of that customer.';
COMMENT ON COLUMN auth.memberships.user_id IS 'Person: auth.users.id';
COMMENT ON COLUMN auth.memberships.customer_id IS 'Customer they may act for, by any id it was known by: hub.customer_accounts.id';
COMMENT ON COLUMN auth.memberships.role IS 'What they may do there: owner, billing, technical, read_only';
COMMENT ON COLUMN auth.memberships.created_at IS 'When it was given, UTC';
CREATE TABLE auth.sessions (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    customer_id UUID,
    device TEXT,
    amr TEXT[] NOT NULL,
    epoch INTEGER DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    revoked_why TEXT,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id_idx ON auth.sessions (user_id);
COMMENT ON TABLE auth.sessions IS 'One row per log-in on one device: a family of refresh tokens, of which the newest is good.';
COMMENT ON COLUMN auth.sessions.id IS 'Session: `sid` of its access tokens';
COMMENT ON COLUMN auth.sessions.user_id IS 'Person: auth.users.id';
COMMENT ON COLUMN auth.sessions.customer_id IS 'Customer that it acts for now, chosen by the person; null: none is left';
COMMENT ON COLUMN auth.sessions.device IS 'What the browser says it is, for the person to recognize';
COMMENT ON COLUMN auth.sessions.amr IS 'How the person proved who they are (RFC 8176): pwd, otp';
COMMENT ON COLUMN auth.sessions.epoch IS 'Access tokens of an earlier epoch say what is true no more, and are refused';
COMMENT ON COLUMN auth.sessions.created_at IS 'When the person logged in, UTC';
COMMENT ON COLUMN auth.sessions.last_used_at IS 'When it was refreshed last, UTC';
COMMENT ON COLUMN auth.sessions.expires_at IS 'When it ends unless it is refreshed before, UTC';
COMMENT ON COLUMN auth.sessions.revoked_at IS 'When it was ended before its time, UTC; null: it was not';
COMMENT ON COLUMN auth.sessions.revoked_why IS 'Why: logged_out, logged_out_everywhere, reused, locked, password_changed, password_reset';
CREATE TABLE auth.refresh_tokens (
    token_hash BYTEA NOT NULL,
    session_id UUID NOT NULL,
    generation INTEGER NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    used_by BYTEA,
    salt BYTEA,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash),
    CONSTRAINT refresh_tokens_session_id_generation_key UNIQUE (session_id, generation),
    FOREIGN KEY(session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.refresh_tokens IS 'Refresh tokens by their hashes: who reads this table has none of them.';
COMMENT ON COLUMN auth.refresh_tokens.token_hash IS 'SHA-256 of the token, which is 256 random bits';
COMMENT ON COLUMN auth.refresh_tokens.session_id IS 'Session: auth.sessions.id';
COMMENT ON COLUMN auth.refresh_tokens.generation IS 'Place in its family, from 0';
COMMENT ON COLUMN auth.refresh_tokens.issued_at IS 'When it was given out, UTC';
COMMENT ON COLUMN auth.refresh_tokens.used_at IS 'When it was exchanged for the next one, UTC; null: it is the newest';
COMMENT ON COLUMN auth.refresh_tokens.used_by IS 'SHA-256 of what tells the client that exchanged it: only it may ask for the answer again';
COMMENT ON COLUMN auth.refresh_tokens.salt IS 'What the next token is made of, together with this one; without this one it is worth nothing';
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
