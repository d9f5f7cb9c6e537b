"""`hub gateway`."""

from cli.database import require_plain_login
from cli.examples import examples

EXAMPLES = examples(
    ("hub gateway", "on GATEWAY_HOST:GATEWAY_PORT, for a read API that has the same GATEWAY_TOKEN"),
    ("GATEWAY_PORT=9001 hub gateway", "on another port; the API finds it by GATEWAY_URL"),
)


def gateway() -> None:
    """Pass on what must reach a source at once: pay links, identity documents, passwords at WHMCS. It keeps nothing."""
    from pipelines.gateway.serve import serve

    require_plain_login("hub_sync")
    serve()
