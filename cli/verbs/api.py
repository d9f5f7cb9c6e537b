"""`hub api`."""

from cli.database import require_plain_login
from cli.examples import examples

EXAMPLES = examples(
    ("hub api", "on API_HOST:API_PORT, against DATABASE_URL"),
    ("API_PORT=8080 hub api", "another one, on another port"),
)


def api() -> None:
    """Run the read API, in this terminal, until Ctrl-C. Stateless: run as many as you like."""
    from read_api.serve import serve

    require_plain_login("hub_api")
    require_plain_login("hub_auth")
    serve()
