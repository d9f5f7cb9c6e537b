"""Support agents and what they look at, invitations, changes of an e-mail address."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE auth.users ADD COLUMN is_agent BOOLEAN DEFAULT 'false' NOT NULL;
COMMENT ON COLUMN auth.users.is_agent IS 'Whether they are a support agent: may look as any customer does, and log in without acting for one';
COMMENT ON COLUMN auth.sessions.customer_id IS 'Customer that it acts for now, chosen by the person; null: none is left, or an agent who is no customer';
COMMENT ON COLUMN auth.sessions.revoked_why IS 'Why: logged_out, logged_out_everywhere, reused, locked, password_changed, password_reset, factor_changed, email_changed, agent_no_more';
COMMENT ON COLUMN auth.revocations.session_id IS 'Session: auth.sessions.id, or view: auth.views.id';
CREATE TABLE auth.views (
    id UUID NOT NULL,
    agent_id UUID,
    operator TEXT,
    session_id UUID,
    user_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    reason TEXT NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT views_pkey PRIMARY KEY (id),
    CONSTRAINT views_looker_check CHECK (num_nonnulls(agent_id, operator) = 1),
    CONSTRAINT views_lasts_check CHECK (expires_at <= begun_at + interval '60 minutes'),
    FOREIGN KEY(agent_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.views IS 'One row for each time that somebody of support looked at the portal as a customer sees it.';
COMMENT ON COLUMN auth.views.id IS 'View: `sid` of its access token';
COMMENT ON COLUMN auth.views.agent_id IS 'Agent who looks: auth.users.id; null: an operator does';
COMMENT ON COLUMN auth.views.operator IS 'Operator who looks, by their login on the hub''s machine; null: an agent does';
COMMENT ON COLUMN auth.views.session_id IS 'Session of the agent, with which it ends: auth.sessions.id';
COMMENT ON COLUMN auth.views.user_id IS 'Person as whom they look: auth.users.id';
COMMENT ON COLUMN auth.views.customer_id IS 'Customer at whom they look, by any id it was known by: hub.customer_accounts.id';
COMMENT ON COLUMN auth.views.reason IS 'Why, in their words';
COMMENT ON COLUMN auth.views.begun_at IS 'When it began, UTC';
COMMENT ON COLUMN auth.views.expires_at IS 'When it ends by itself, UTC: 60 minutes later at most';
COMMENT ON COLUMN auth.views.ended_at IS 'When it was ended before its time, UTC; null: it was not';
CREATE INDEX views_agent_id_idx ON auth.views (agent_id);
CREATE INDEX views_customer_id_idx ON auth.views (customer_id);
CREATE INDEX views_session_id_idx ON auth.views (session_id);
CREATE INDEX views_user_id_idx ON auth.views (user_id);
COMMENT ON COLUMN auth.messages.user_id IS 'Person whose message it is: auth.users.id; null: whether anybody has the address is looked up when it is sent';
CREATE TABLE auth.invitations (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    user_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL
        CONSTRAINT invitations_role_check CHECK (role IN ('owner', 'billing', 'technical', 'read_only')),
    language TEXT DEFAULT 'ja' NOT NULL
        CONSTRAINT invitations_language_check CHECK (language IN ('en', 'ja')),
    message_id UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    accepted_by UUID,
    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_token_hash_key UNIQUE (token_hash),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.invitations IS 'Invitations to act for a customer, by the hashes of their tokens; forgotten a month after they ended.';
COMMENT ON COLUMN auth.invitations.id IS 'Invitation';
COMMENT ON COLUMN auth.invitations.token_hash IS 'SHA-256 of the link''s token, which is 256 random bits';
COMMENT ON COLUMN auth.invitations.user_id IS 'Owner who invites: auth.users.id';
COMMENT ON COLUMN auth.invitations.customer_id IS 'Customer to act for, by any id it was known by: hub.customer_accounts.id';
COMMENT ON COLUMN auth.invitations.email IS 'E-mail address that is invited';
COMMENT ON COLUMN auth.invitations.role IS 'What they may do there: owner, billing, technical, read_only';
COMMENT ON COLUMN auth.invitations.language IS 'In which language they are written to: en, ja';
COMMENT ON COLUMN auth.invitations.message_id IS 'Message that it is sent in: auth.messages.id, as long as that is kept';
COMMENT ON COLUMN auth.invitations.created_at IS 'When it was made, UTC';
COMMENT ON COLUMN auth.invitations.expires_at IS 'Until when it is good, UTC';
COMMENT ON COLUMN auth.invitations.withdrawn_at IS 'When it was withdrawn, or followed by another, UTC; null: it was not';
COMMENT ON COLUMN auth.invitations.accepted_at IS 'When it was accepted, UTC; null: not yet';
COMMENT ON COLUMN auth.invitations.accepted_by IS 'Person who accepted it: auth.users.id';
CREATE INDEX invitations_customer_id_idx ON auth.invitations (customer_id);
CREATE TABLE auth.email_changes (
    token_hash BYTEA NOT NULL,
    user_id UUID NOT NULL,
    email TEXT NOT NULL,
    message_id UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT email_changes_pkey PRIMARY KEY (token_hash),
    FOREIGN KEY(user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.email_changes IS 'Links that change a person''s e-mail address once, by the hashes of their tokens.';
COMMENT ON COLUMN auth.email_changes.token_hash IS 'SHA-256 of the link''s token, which is 256 random bits';
COMMENT ON COLUMN auth.email_changes.user_id IS 'Who wants another address: auth.users.id';
COMMENT ON COLUMN auth.email_changes.email IS 'E-mail address that they want';
COMMENT ON COLUMN auth.email_changes.message_id IS 'Message that it is sent in: auth.messages.id, as long as that is kept';
COMMENT ON COLUMN auth.email_changes.created_at IS 'When it was asked for, UTC';
COMMENT ON COLUMN auth.email_changes.expires_at IS 'Until when it is good, UTC';
COMMENT ON COLUMN auth.email_changes.used_at IS 'When it was used, or another link, password or address followed, UTC; null: it is good until it expires';
CREATE INDEX email_changes_user_id_idx ON auth.email_changes (user_id);
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
