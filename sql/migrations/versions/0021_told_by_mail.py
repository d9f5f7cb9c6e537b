"""Schema auth: messages by e-mail, links that set a password, and in which language a person is written to."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE auth.users ADD COLUMN language TEXT DEFAULT 'ja' NOT NULL
    CONSTRAINT users_language_check CHECK (language IN ('en', 'ja'));
COMMENT ON COLUMN auth.users.language IS 'In which language they are written to: en, ja';
CREATE TABLE auth.messages (
    id UUID NOT NULL,
    user_id UUID,
    email TEXT NOT NULL,
    language TEXT DEFAULT 'ja' NOT NULL CONSTRAINT messages_language_check CHECK (language IN ('en', 'ja')),
    template TEXT NOT NULL,
    facts JSONB DEFAULT '{}' NOT NULL,
    secret JSONB,
    carries_secret BOOLEAN DEFAULT 'false' NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL CONSTRAINT messages_state_check CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts INTEGER DEFAULT '0' NOT NULL,
    reason TEXT,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    useful_until TIMESTAMP WITH TIME ZONE NOT NULL,
    claim INTEGER DEFAULT '0' NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    posted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
CREATE INDEX messages_user_id_idx ON auth.messages (user_id);
CREATE INDEX messages_waiting_idx ON auth.messages (due_at) WHERE state = 'waiting';
COMMENT ON TABLE auth.messages IS 'E-mails that were or are to be sent, stored with what they tell of; forgotten a week after they were.';
COMMENT ON COLUMN auth.messages.id IS 'Message: what stands before the @ of its Message-ID';
COMMENT ON COLUMN auth.messages.user_id IS 'Person: auth.users.id; null: whether anybody has the address is looked up when it is sent';
COMMENT ON COLUMN auth.messages.email IS 'E-mail address that it goes to';
COMMENT ON COLUMN auth.messages.language IS 'In which language: en, ja';
COMMENT ON COLUMN auth.messages.template IS 'What it says: a name of pipelines/mail/templates';
COMMENT ON COLUMN auth.messages.facts IS 'What is filled in';
COMMENT ON COLUMN auth.messages.secret IS 'What is filled in and lets somebody in: a code, a token; null: it was sent, or cannot be any more';
COMMENT ON COLUMN auth.messages.carries_secret IS 'Whether it ever had one: then no operator can have it tried again';
COMMENT ON COLUMN auth.messages.state IS 'What became of it; dead: it is not tried any more: waiting, sent, dead';
COMMENT ON COLUMN auth.messages.attempts IS 'How often it was tried';
COMMENT ON COLUMN auth.messages.reason IS 'Why it was not sent when it was tried last, in the server''s words; null: it was';
COMMENT ON COLUMN auth.messages.due_at IS 'When it is to be tried next, UTC';
COMMENT ON COLUMN auth.messages.useful_until IS 'Until when it is of any use, UTC';
COMMENT ON COLUMN auth.messages.claim IS 'How often it was taken; only the latest taker is believed';
COMMENT ON COLUMN auth.messages.lease_until IS 'Until when it is its taker''s, UTC; null: nobody has it';
COMMENT ON COLUMN auth.messages.posted_at IS 'When what it tells of happened, UTC';
COMMENT ON COLUMN auth.messages.ended_at IS 'When it was sent or given up, UTC; null: it waits';
CREATE TABLE auth.password_links (
    token_hash BYTEA NOT NULL,
    message_id UUID NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT password_links_pkey PRIMARY KEY (token_hash),
    FOREIGN KEY(message_id) REFERENCES auth.messages (id) ON DELETE CASCADE
);
CREATE INDEX password_links_message_id_idx ON auth.password_links (message_id);
COMMENT ON TABLE auth.password_links IS 'Links that set a password once, by the hashes of their tokens.';
COMMENT ON COLUMN auth.password_links.token_hash IS 'SHA-256 of the link''s token, which is 256 random bits';
COMMENT ON COLUMN auth.password_links.message_id IS 'Message that it is sent in, and whose person''s password it sets: auth.messages.id';
COMMENT ON COLUMN auth.password_links.expires_at IS 'Until when it is good, UTC';
COMMENT ON COLUMN auth.password_links.used_at IS 'When it was used, or another password was set, UTC; null: it is good until it expires';
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
