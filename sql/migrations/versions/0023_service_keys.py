"""Table auth.service_keys: keys of systems that act for customers."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE auth.service_keys (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    role TEXT NOT NULL
        CONSTRAINT service_keys_role_check CHECK (role IN ('owner', 'billing', 'technical', 'read_only')),
    customers UUID[],
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    replaced_by UUID,
    CONSTRAINT service_keys_pkey PRIMARY KEY (id),
    CONSTRAINT service_keys_lasts_check CHECK (expires_at <= created_at + interval '366 days')
);
COMMENT ON TABLE auth.service_keys IS 'Keys of systems that act for customers, by their hashes: who reads this table has none of them.';
COMMENT ON COLUMN auth.service_keys.id IS 'Key: stands in it, between its prefix and its secret';
COMMENT ON COLUMN auth.service_keys.name IS 'Which system has it, in an operator''s words';
COMMENT ON COLUMN auth.service_keys.key_hash IS 'SHA-256 of the key, 256 bits of which are random';
COMMENT ON COLUMN auth.service_keys.role IS 'What it may do for a customer: owner, billing, technical, read_only';
COMMENT ON COLUMN auth.service_keys.customers IS 'Customers it may act for, by any ids they were known by: hub.customer_accounts.id; null: any';
COMMENT ON COLUMN auth.service_keys.created_at IS 'When it was made, UTC';
COMMENT ON COLUMN auth.service_keys.expires_at IS 'When it ends, UTC: at most 366 days later, sooner once it was replaced';
COMMENT ON COLUMN auth.service_keys.revoked_at IS 'When it was ended before its time, UTC; null: it was not';
COMMENT ON COLUMN auth.service_keys.replaced_by IS 'Key that was made to follow it: auth.service_keys.id; null: none was';
COMMENT ON COLUMN auth.audit.actor IS 'Who: user:<id>, key:<id>, operator:<login>, or anybody (not known)';
"""


def upgrade() -> None:
    # No statement of these has a semicolon of its own at the end of a line.
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
