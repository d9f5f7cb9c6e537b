"""Table auth.sign_ups; messages to whoever has an address; who has an e-mail address, by an index."""

from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE auth.sign_ups (
    id UUID NOT NULL,
    kind TEXT DEFAULT 'sign_up' NOT NULL CONSTRAINT sign_ups_kind_check CHECK (kind IN ('sign_up', 'link_whmcs')),
    token_hash BYTEA NOT NULL,
    code_hash BYTEA,
    email TEXT NOT NULL,
    language TEXT DEFAULT 'ja' NOT NULL CONSTRAINT sign_ups_language_check CHECK (language IN ('en', 'ja')),
    tries INTEGER DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    known_as TEXT CONSTRAINT sign_ups_known_as_check
        CHECK (known_as IN ('new_customer', 'salesforce_account', 'whmcs_client', 'portal_account')),
    password_hash TEXT,
    command_id UUID,
    CONSTRAINT sign_ups_pkey PRIMARY KEY (id),
    CONSTRAINT sign_ups_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX sign_ups_email_idx ON auth.sign_ups (lower(email));
ALTER TABLE auth.messages ADD COLUMN to_anybody BOOLEAN DEFAULT 'false' NOT NULL;
CREATE INDEX customer_accounts_email_idx ON hub.customer_accounts (lower(email));
COMMENT ON TABLE auth.sign_ups IS 'One row per try to get a log-in, until a day after its end.';
COMMENT ON COLUMN auth.sign_ups.id IS 'Sign-up; its person, and until the customer is known its command''s customer and account, have the same id';
COMMENT ON COLUMN auth.sign_ups.kind IS 'A new customer, or one whom WHMCS knows already: sign_up, link_whmcs';
COMMENT ON COLUMN auth.sign_ups.token_hash IS 'SHA-256 of the token that goes on with it, 256 random bits';
COMMENT ON COLUMN auth.sign_ups.code_hash IS 'SHA-256 of that token and the code that was sent; null: it was erased';
COMMENT ON COLUMN auth.sign_ups.email IS 'E-mail address that the code was sent to';
COMMENT ON COLUMN auth.sign_ups.language IS 'In which language they are written to: en, ja';
COMMENT ON COLUMN auth.sign_ups.tries IS 'Wrong codes that were shown, and customer numbers that were refused';
COMMENT ON COLUMN auth.sign_ups.created_at IS 'When it was begun, UTC';
COMMENT ON COLUMN auth.sign_ups.expires_at IS 'Until when it may be gone on with, UTC';
COMMENT ON COLUMN auth.sign_ups.verified_at IS 'When the mailbox was proven, UTC; null: it was not';
COMMENT ON COLUMN auth.sign_ups.known_as IS 'As whom the mailbox was known then: new_customer, salesforce_account, whmcs_client, portal_account';
COMMENT ON COLUMN auth.sign_ups.password_hash IS 'Argon2id hash of the password that was chosen, until the person has it or the command ends';
COMMENT ON COLUMN auth.sign_ups.command_id IS 'Command that does the rest: command.commands.id; null: it was not asked for yet';
COMMENT ON COLUMN auth.messages.to_anybody IS 'True: to the address, whether or not it is a person''s; false: to a person alone';
COMMENT ON COLUMN command.commands.customer_id IS 'Customer who asked, by the id it had then; a sign-up by its own; null: a source system asked';
COMMENT ON COLUMN command.commands.account_id IS 'Account whose data it changes: hub.customer_accounts.id; auth.sign_ups.id, until there is one';
COMMENT ON COLUMN command.commands.subject_kind IS 'Kind of thing it changes: a table of schema hub, or sign_ups';
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
