"""A walk through the database's catalogue for ways around the row rules. test_grants.py lists what each role may do.

The promise. Whatever is added to the database later: a customer's rows are behind forced rules wherever the API can
read them; who may come in is nobody's to read, and no secret anybody's; nothing reads as the owner but what is named
here; no function that does so can be lent other objects; no role of the hub stands above the rules, owns anything, or
has a privilege of a kind that the lists do not know.

Each hole is also dug on purpose, in a transaction that is undone, and must be found: a walk that finds nothing could as
well be blind.
"""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from sql.personal import by_entity, personal, secret
from sql.tables import metadata
from tests.conftest import copied_database

Connection = psycopg.Connection[Any]

# Every schema but the system's, and every role that works with the hub; `%%` for psycopg.
OURS = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'"
ROLES = "(r.rolname LIKE 'hub\\_%%' AND r.rolname NOT LIKE 'hub\\_test\\_%%' OR r.rolname LIKE 'analyst\\_%%')"

# Views that read as their owner, which the masks of personal data need; what they show is in tests/cli/test_analyst.py.
MASKING = sorted(f"analytics.{table.name}" for table in metadata.tables.values() if table.schema == "hub")
# Columns by their names, such as auth.users.email.
SECRET = sorted(f"{table.fullname}.{each.name}" for table in metadata.tables.values() for each in secret(table))
PERSONAL = sorted(
    f"{table.fullname}.{each.name}"
    for table in metadata.tables.values()
    for each in (*personal(table), *by_entity(table))
)
KNOWN = {"masking": MASKING, "secret": SECRET, "personal": PERSONAL}

WALKS: dict[str, LiteralString] = {
    "a customer's table that is not behind forced rules": """
        SELECT c.oid::regclass::text
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {ours} AND c.relkind IN ('r', 'p', 'm', 'f')
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
           AND (n.nspname IN ('hub', 'auth')
                OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
                              AND a.attname IN ('account_id', 'customer_id', 'user_id', 'person_id'))
                   AND (has_any_column_privilege('hub_api', c.oid, 'SELECT, INSERT, UPDATE')
                        OR has_table_privilege('hub_api', c.oid, 'DELETE, TRUNCATE')))
    """,
    "a table of hub that nobody's rule shows to the API": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace = 'hub'::regnamespace AND c.relkind IN ('r', 'p')
           AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND 'hub_api'::regrole = ANY(p.polroles))
    """,
    "a rule by which anybody but the owner is shown who may come in": """
        SELECT schemaname || '.' || tablename FROM pg_policies WHERE schemaname = 'auth' AND policyname <> 'owner_all'
    """,
    "a table of auth that anybody has a privilege on": """
        SELECT c.oid::regclass::text
          FROM pg_class c
         WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
           AND (EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)
                OR EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL))
    """,
    "a secret that a role of the hub may read": """
        SELECT r.rolname || ' reads ' || n.nspname || '.' || c.relname || '.' || a.attname
          FROM pg_roles r, pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {roles} AND n.nspname || '.' || c.relname || '.' || a.attname = ANY (%(secret)s)
           AND has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
    """,
    "what is personal, and an analyst may read where nothing masks it": """
        SELECT r.rolname || ' reads ' || n.nspname || '.' || c.relname || '.' || a.attname
          FROM pg_roles r, pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {roles} AND (r.rolname IN ('hub_analyst', 'hub_reading', 'hub_pii') OR r.rolname LIKE 'analyst\\_%%')
           AND n.nspname || '.' || c.relname || '.' || a.attname = ANY (%(personal)s)
           AND has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
    """,
    "a view that shows a secret": """
        SELECT DISTINCT w.ev_class::regclass::text
          FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
          JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
           AND n.nspname || '.' || c.relname || '.' || a.attname = ANY (%(secret)s)
    """,
    "a view that reads as its owner": """
        SELECT c.oid::regclass::text
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {ours} AND c.relkind IN ('v', 'm') AND c.oid::regclass::text <> ALL (%(masking)s)
           AND NOT coalesce(c.reloptions::text[] && '{{security_invoker=true,security_invoker=on}}', false)
    """,
    "a function that runs as its owner with a search path that can be lent": """
        SELECT p.oid::regprocedure::text
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE {ours} AND p.prosecdef
           AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY(p.proconfig), false)
    """,
    "a role of the hub that stands above the rules": """
        SELECT r.rolname::text FROM pg_roles r
         WHERE {roles} AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication)
    """,
    "a role of the hub that may become another": """
        SELECT r.rolname || ' in ' || m.roleid::regrole
          FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
         WHERE {roles}
           AND NOT (r.rolname LIKE 'analyst\\_%%' AND m.roleid::regrole::text IN ('hub_reading', 'hub_pii'))
           AND (r.rolname, m.roleid::regrole::text) <> ('hub_analyst', 'hub_reading')
    """,
    "somebody who may become a role of the hub that serves": """
        SELECT m.member::regrole || ' in ' || m.roleid::regrole
          FROM pg_auth_members m JOIN pg_roles who ON who.oid = m.member
         WHERE m.roleid::regrole::text IN ('hub_sync', 'hub_api', 'hub_auth')
           AND who.rolname NOT LIKE 'hub\\_test\\_owner\\_%%'
           AND m.member <> (SELECT datdba FROM pg_database WHERE datname = current_database())
    """,
    "a privilege of a kind that no list knows, or something that a role of the hub owns": """
        SELECT r.rolname || ' on ' || pg_describe_object(d.classid, d.objid, d.objsubid)
          FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
         WHERE {roles} AND d.refclassid = 'pg_authid'::regclass
           AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
           AND (d.deptype = 'o'
                OR d.deptype = 'a' AND d.classid::regclass::text NOT IN ('pg_class', 'pg_proc', 'pg_namespace'))
    """,
    "something that everybody may make or be": """
        SELECT 'public in ' || n.nspname || ': ' || a.privilege_type
          FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
         WHERE {ours} AND a.grantee = 0 AND (n.nspname, a.privilege_type) <> ('public', 'USAGE')
    """,
    "a privilege that whatever is made later will have": "SELECT defaclobjtype::text FROM pg_default_acl",
    "a rule, a trigger of the server, a foreign server or a publication": """
        SELECT 'rule ' || rulename FROM pg_rewrite WHERE rulename <> '_RETURN' AND oid >= 16384
        UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
        UNION ALL SELECT 'foreign server ' || srvname FROM pg_foreign_server
        UNION ALL SELECT 'publication ' || pubname FROM pg_publication
        UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
                   WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    """,
}

DEFINER = "LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"

# What somebody might do one day, and what the walk then says.
HOLES: list[tuple[LiteralString, str]] = [
    ("CREATE TABLE hub.left_out (id uuid)", "hub.left_out"),
    ("ALTER TABLE hub.invoices NO FORCE ROW LEVEL SECURITY", "hub.invoices"),
    ("ALTER TABLE hub.invoices DISABLE ROW LEVEL SECURITY", "hub.invoices"),
    ("DROP POLICY customer_reads ON hub.invoices", "hub.invoices"),
    (
        "CREATE TABLE sync.theirs (account_id uuid, what text); GRANT SELECT (what) ON sync.theirs TO hub_api",
        "sync.theirs",
    ),
    ("CREATE TABLE public.theirs (customer_id uuid); GRANT SELECT ON public.theirs TO PUBLIC", "theirs"),
    ("CREATE TABLE sync.people (user_id uuid); GRANT INSERT ON sync.people TO hub_api", "sync.people"),
    ("CREATE TABLE auth.left_out (id uuid)", "auth.left_out"),
    ("ALTER TABLE auth.sessions NO FORCE ROW LEVEL SECURITY", "auth.sessions"),
    ("CREATE POLICY mine ON auth.users FOR SELECT TO hub_auth USING (true)", "auth.users"),
    ("GRANT SELECT (email) ON auth.users TO hub_auth", "auth.users"),
    ("GRANT SELECT (password_hash) ON auth.users TO hub_auth", "hub_auth reads auth.users.password_hash"),
    ("GRANT SELECT ON auth.signing_keys TO hub_analyst", "hub_analyst reads auth.signing_keys.private_key"),
    ("GRANT SELECT ON auth.attempts TO PUBLIC", "hub_api reads auth.attempts.key"),
    ("GRANT SELECT (email) ON hub.customers TO hub_analyst", "hub_analyst reads hub.customers.email"),
    ("GRANT SELECT (before) ON sync.changes TO hub_pii", "hub_pii reads sync.changes.before"),
    (
        "CREATE VIEW analytics.hashes WITH (security_invoker = true) AS SELECT id, password_hash FROM auth.users",
        "analytics.hashes",
    ),
    ("CREATE VIEW sync.everybody AS SELECT email FROM hub.customers", "sync.everybody"),
    ("CREATE VIEW analytics.unmasked AS SELECT email FROM hub.customers", "analytics.unmasked"),
    ("CREATE MATERIALIZED VIEW sync.all_of_them AS SELECT email FROM hub.customers", "sync.all_of_them"),
    (f"CREATE FUNCTION sync.leak() RETURNS integer {DEFINER}", "sync.leak()"),
    (f"CREATE FUNCTION public.leak() RETURNS integer SET search_path = public {DEFINER}", "leak()"),
    ("ALTER FUNCTION hub.current_customer() RESET search_path", "hub.current_customer()"),
    (
        "ALTER FUNCTION hub.invoices_at(timestamptz) SECURITY DEFINER",
        "hub.invoices_at(timestamp with time zone)",
    ),
    ("CREATE ROLE hub_report BYPASSRLS", "hub_report"),
    ("CREATE ROLE analyst_mighty CREATEROLE", "analyst_mighty"),
    ("GRANT pg_read_all_data TO hub_analyst", "hub_analyst in pg_read_all_data"),
    ("CREATE ROLE analyst_else IN ROLE hub_sync", "analyst_else in hub_sync"),
    ("CREATE ROLE analyst_else IN ROLE hub_analyst", "analyst_else in hub_analyst"),
    ("CREATE ROLE whoever IN ROLE hub_api", "whoever in hub_api"),
    ("ALTER TABLE sync.runs OWNER TO hub_sync", "hub_sync on table sync.runs"),
    ("CREATE TYPE hub.mood AS ENUM ('good'); GRANT USAGE ON TYPE hub.mood TO hub_api", "hub_api on type hub.mood"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "public in public: CREATE"),
    ("GRANT USAGE ON SCHEMA history TO PUBLIC", "public in history: USAGE"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA hub GRANT SELECT ON TABLES TO hub_api", "r"),
    ("CREATE RULE quietly AS ON INSERT TO sync.runs DO INSTEAD NOTHING", "rule quietly"),
    ("CREATE PUBLICATION everything", "publication everything"),
]


@pytest.fixture(scope="module")
def owner() -> Iterator[Connection]:
    """As the owner; nothing is kept of what is done."""
    with copied_database() as database, psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


def found(connection: Connection) -> dict[str, list[str]]:
    walked = {}
    for name, walk in WALKS.items():
        query = walk.format(ours=OURS, roles=ROLES).encode()
        walked[name] = sorted(row[0] for row in connection.execute(query, KNOWN))
    return {name: holes for name, holes in walked.items() if holes}


def test_there_is_no_way_around_the_rules(owner: Connection) -> None:
    assert found(owner) == {}


@pytest.mark.parametrize(("hole", "named"), HOLES, ids=[named for _, named in HOLES])
def test_a_hole_that_somebody_digs_is_found(owner: Connection, hole: LiteralString, named: str) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute(hole)

        assert named in {name for names in found(owner).values() for name in names}


def test_every_way_around_the_rules_is_tried(owner: Connection) -> None:
    blind = set(WALKS)
    for hole, _ in HOLES:
        with owner.transaction(force_rollback=True):
            owner.execute(hole)
            blind -= found(owner).keys()

    assert blind == set()


def test_a_view_that_reads_as_whoever_asks_is_no_hole(owner: Connection) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute("CREATE VIEW sync.mine WITH (security_invoker = true) AS SELECT email FROM hub.customers")

        assert found(owner) == {}
