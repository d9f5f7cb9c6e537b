"""Second factors: challenges at log-in, authenticator apps, recovery codes; when somebody last proved who they are."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE auth.users ADD COLUMN password_suffices BOOLEAN DEFAULT 'true' NOT NULL;
COMMENT ON COLUMN auth.users.password_suffices IS 'Whether the password is long enough to be all that the person proves';
ALTER TABLE auth.sessions ADD COLUMN authenticated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;
UPDATE auth.sessions SET authenticated_at = created_at;
COMMENT ON COLUMN auth.sessions.authenticated_at IS 'When the person last proved who they are, UTC: `auth_time` of its access tokens';
COMMENT ON COLUMN auth.sessions.revoked_why IS 'Why: logged_out, logged_out_everywhere, reused, locked, password_changed, password_reset, factor_changed';
CREATE TABLE auth.challenges (
    token_hash BYTEA NOT NULL,
    user_id UUID NOT NULL,
    client BYTEA NOT NULL,
    amr TEXT[] NOT NULL,
    verified TEXT,
    forgiven TEXT,
    tries INTEGER DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id UUID,
    CONSTRAINT challenges_pkey PRIMARY KEY (token_hash),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
CREATE INDEX challenges_user_id_idx ON auth.challenges (user_id);
COMMENT ON TABLE auth.challenges IS 'One row per log-in that needs more than was proven at first.';
COMMENT ON COLUMN auth.challenges.token_hash IS 'SHA-256 of the challenge, which is 256 random bits';
COMMENT ON COLUMN auth.challenges.user_id IS 'Who has begun to log in: auth.users.id';
COMMENT ON COLUMN auth.challenges.client IS 'SHA-256 of what tells the client that began: only it may go on';
COMMENT ON COLUMN auth.challenges.amr IS 'What was proven so far (RFC 8176), such as pwd';
COMMENT ON COLUMN auth.challenges.verified IS 'Hash of the password that was proven; null: none was';
COMMENT ON COLUMN auth.challenges.forgiven IS 'Whose tries of a password count no more once they are in: auth.attempts.key';
COMMENT ON COLUMN auth.challenges.tries IS 'How often it was tried to go on with it';
COMMENT ON COLUMN auth.challenges.created_at IS 'When it was made, UTC';
COMMENT ON COLUMN auth.challenges.expires_at IS 'Until when it may be gone on with, UTC';
COMMENT ON COLUMN auth.challenges.session_id IS 'Session that it ended in: auth.sessions.id; null: none yet. It is good for one';
CREATE TABLE auth.totp (
    user_id UUID NOT NULL,
    secret TEXT,
    last_step BIGINT,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    pending TEXT,
    pending_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT totp_pkey PRIMARY KEY (user_id),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.totp IS 'Authenticator apps (RFC 6238), one per person.';
COMMENT ON COLUMN auth.totp.user_id IS 'Person';
COMMENT ON COLUMN auth.totp.secret IS 'What the app and the hub share, sealed by a key of the API''s settings; null: it is not on yet';
COMMENT ON COLUMN auth.totp.last_step IS 'Step of 30 seconds of the code that was taken last; no earlier one is';
COMMENT ON COLUMN auth.totp.confirmed_at IS 'Since when it is on, UTC';
COMMENT ON COLUMN auth.totp.pending IS 'A secret that was given out and of which no code came yet, sealed; null: none';
COMMENT ON COLUMN auth.totp.pending_at IS 'When it was given out, UTC';
CREATE TABLE auth.recovery_codes (
    code_hash BYTEA NOT NULL,
    user_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (code_hash),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_user_id_idx ON auth.recovery_codes (user_id);
COMMENT ON TABLE auth.recovery_codes IS 'Codes that stand in for a second factor that was lost, each good once.';
COMMENT ON COLUMN auth.recovery_codes.code_hash IS 'SHA-256 of the code, which is 120 random bits';
COMMENT ON COLUMN auth.recovery_codes.user_id IS 'Person: auth.users.id';
COMMENT ON COLUMN auth.recovery_codes.created_at IS 'When it was given out, UTC';
COMMENT ON COLUMN auth.recovery_codes.used_at IS 'When it was used, UTC; null: it is good';
DROP FUNCTION IF EXISTS auth.change_password(uuid, text, text, text);
DROP FUNCTION IF EXISTS auth.set_password_by_link(bytea, text, text, text);
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
