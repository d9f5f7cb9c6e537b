"""Passkeys, and the ceremonies in which they are made and used; codes by e-mail, and devices that need none."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE auth.passkeys (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    name TEXT NOT NULL,
    credential_id BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    transports TEXT[] NOT NULL,
    is_backed_up BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT passkeys_pkey PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT passkeys_credential_id_key UNIQUE (credential_id)
);
CREATE INDEX passkeys_user_id_idx ON auth.passkeys (user_id);
COMMENT ON TABLE auth.passkeys IS 'Passkeys (WebAuthn): who reads this table can use none of them.';
COMMENT ON COLUMN auth.passkeys.id IS 'Passkey';
COMMENT ON COLUMN auth.passkeys.user_id IS 'Person: auth.users.id';
COMMENT ON COLUMN auth.passkeys.name IS 'What the person calls it';
COMMENT ON COLUMN auth.passkeys.credential_id IS 'What authenticators call it (WebAuthn)';
COMMENT ON COLUMN auth.passkeys.public_key IS 'Its public key, as authenticators write them (COSE): no signature of an empty one is right';
COMMENT ON COLUMN auth.passkeys.sign_count IS 'How often it was used, as its authenticator counts; 0: it does not count';
COMMENT ON COLUMN auth.passkeys.transports IS 'How its authenticator is reached (WebAuthn), such as usb; internal';
COMMENT ON COLUMN auth.passkeys.is_backed_up IS 'Whether it is kept elsewhere as well, so that it outlives the device';
COMMENT ON COLUMN auth.passkeys.created_at IS 'When it was added, UTC';
COMMENT ON COLUMN auth.passkeys.last_used_at IS 'When it was used last, UTC; null: not since it was added';
CREATE TABLE auth.ceremonies (
    challenge_hash BYTEA NOT NULL,
    session_id UUID,
    client BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_as UUID,
    CONSTRAINT ceremonies_pkey PRIMARY KEY (challenge_hash),
    FOREIGN KEY(session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE
);
CREATE INDEX ceremonies_session_id_idx ON auth.ceremonies (session_id);
COMMENT ON TABLE auth.ceremonies IS 'One row per time that a browser was asked for a passkey; of no use after minutes, forgotten each night.';
COMMENT ON COLUMN auth.ceremonies.challenge_hash IS 'SHA-256 of what the authenticator is to sign, which is 256 random bits';
COMMENT ON COLUMN auth.ceremonies.session_id IS 'Session in which a passkey is to be made: auth.sessions.id; null: any is to be used';
COMMENT ON COLUMN auth.ceremonies.client IS 'SHA-256 of what tells the client that was asked';
COMMENT ON COLUMN auth.ceremonies.created_at IS 'When it began, UTC';
COMMENT ON COLUMN auth.ceremonies.expires_at IS 'Until when its answer counts, UTC';
COMMENT ON COLUMN auth.ceremonies.used_as IS 'Id of what came of it; null: nothing yet. It is good for one';
ALTER TABLE auth.challenges ADD COLUMN code_hash BYTEA;
COMMENT ON COLUMN auth.challenges.code_hash IS 'HMAC-SHA-256 of the code that was sent by e-mail last, by the challenge; null: none was';
CREATE TABLE auth.devices (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    device TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT devices_pkey PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT devices_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX devices_user_id_idx ON auth.devices (user_id);
COMMENT ON TABLE auth.devices IS 'Devices on which somebody who logs in by a password alone is asked for no code by e-mail.';
COMMENT ON COLUMN auth.devices.id IS 'Device';
COMMENT ON COLUMN auth.devices.user_id IS 'Person: auth.users.id';
COMMENT ON COLUMN auth.devices.token_hash IS 'SHA-256 of the token in the device''s cookie, which is 256 random bits';
COMMENT ON COLUMN auth.devices.device IS 'What its browser said it is, for the person to recognize';
COMMENT ON COLUMN auth.devices.created_at IS 'When the person wanted it remembered, UTC';
COMMENT ON COLUMN auth.devices.last_used_at IS 'When it spared them a code last, UTC';
COMMENT ON COLUMN auth.devices.expires_at IS 'Until when it does, UTC';
DROP FUNCTION IF EXISTS auth.begin_session(uuid, uuid, text, text, bytea, text, text[], interval, text, text);
COMMENT ON COLUMN auth.sessions.amr IS 'How the person proved who they are (RFC 8176): pwd, otp; pop and user, by a passkey; mfa';
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
