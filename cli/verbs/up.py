"""`hub up`."""

from cli.examples import examples
from cli.output import console

EXAMPLES = examples(
    ("hub up", "with the sandbox, an embedded PostgreSQL, data in .hub/"),
    ("SANDBOX_CUSTOMERS=50 HUB_HOME=/tmp/hub API_PORT=8001 hub up", "a small one beside it"),
    ("set -a; . ./.env; set +a; hub up", "the real systems (.env.example lists the variables)"),
)


def up() -> None:
    """Start everything, bring the data in, say where it is; Ctrl-C stops everything.

    PostgreSQL (embedded, unless DATABASE_URL is set), the sandbox (unless real systems are configured), the read API,
    the Dagster UI and daemon. A second start continues with the data of the first.
    """
    from cli.up.supervisor import run

    run(console())
