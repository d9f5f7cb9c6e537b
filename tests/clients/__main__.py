"""`python -m tests.clients`: independent clients against the sandbox, and a table of what each could do."""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.config import Config
from sandbox.server import start
from tests.clients.harness import HERE, Client, InstallError, Stage, Step, install
from tests.clients.tunnel import tunnel_to

CUSTOMERS = 60


def clients() -> list[Client]:
    """The CLIENT of every folder beside this file, by name."""
    folders = [module.name for module in pkgutil.iter_modules([str(HERE)]) if module.ispkg]
    return [importlib.import_module(f"tests.clients.{folder}").CLIENT for folder in sorted(folders)]


@contextmanager
def stage() -> Iterator[Stage]:
    """A fresh sandbox with TLS ports, and a proxy that leads every host to Salesforce's."""
    config = Config(
        customers=CUSTOMERS,
        salesforce_port=0,
        salesforce_grpc_port=0,
        whmcs_port=0,
        freebit_port=0,
        tls=True,
        salesforce_tls_port=0,
        salesforce_grpc_tls_port=0,
    )
    with start(config) as sandbox, tunnel_to(int(sandbox.salesforce_tls_url.rpartition(":")[2])) as proxy:
        certificate = str(sandbox.config.tls_certificate)
        trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), certificate)
        proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://127.0.0.1:{proxy}")
        yield Stage(sandbox, trusted, proxies | dict.fromkeys(("NO_PROXY", "no_proxy"), ""))


def main() -> int:
    """0: every action worked; 1: some failed; 2: a client could not be installed."""
    known = {client.name: client for client in clients()}
    parser = argparse.ArgumentParser(prog="make clients", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="client", help=f"default: all ({', '.join(known)})")
    parser.add_argument("--list", action="store_true", help="say which clients there are")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    chosen = [client for name, client in known.items() if not arguments.names or name in arguments.names]
    if arguments.list:
        sys.stdout.write("".join(f"{client.name}  {client.version}\n" for client in chosen))
        return 0
    worst = max(_toured(client) for client in chosen)
    sys.stdout.write("\n")
    return worst


def _toured(client: Client) -> int:
    began = time.monotonic()
    try:
        install(client)
    except InstallError as error:
        sys.stdout.write(f"\n{client.name} {client.version}: not installed: {error}\n")
        return 2
    installed = time.monotonic() - began
    with stage() as given:
        steps = list(client.tour(client, given))
    spent = time.monotonic() - began - installed
    failed = sum(1 for step in steps if step.reason)
    sys.stdout.write(f"\n{client.name} {client.version} (installed in {installed:.0f} s, toured in {spent:.0f} s)\n")
    sys.stdout.write(table(steps))
    sys.stdout.write(f"{len(steps) - failed} passed, {failed} failed\n")
    # A tour that did nothing proves nothing.
    return 1 if failed or not steps else 0


def table(steps: list[Step]) -> str:
    """A line a step: the action, and `ok` or why it failed."""
    width = max((len(step.action) for step in steps), default=0)
    return "".join(f"  {step.action:<{width}}  {'FAILED  ' + step.reason if step.reason else 'ok'}\n" for step in steps)


if __name__ == "__main__":
    sys.exit(main())
