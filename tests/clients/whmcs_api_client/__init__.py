"""whmcs-api-client, generated from a description of WHMCS's API: the action in the address, a form in the body."""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.clients.harness import Client, Stage, Step, output_of, program


def _tour(client: Client, stage: Stage) -> Iterable[Step]:
    return _steps(client, stage, {"url": f"{stage.sandbox.whmcs_url}/includes"})


def _steps(client: Client, stage: Stage, arguments: dict[str, str]) -> Iterator[Step]:
    """The steps of `tour.py`, run by the client's own Python: a line of JSON each."""
    shutil.copy(client.lock.with_name("tour.py"), client.folder)
    done = output_of([str(program(client, "python")), "tour.py", json.dumps(arguments)], client, stage.trust)
    for line in done.stdout.splitlines():
        if line.startswith('{"action"'):
            yield Step(**json.loads(line))
    if done.returncode:
        yield Step("the tour itself", (done.stderr.strip().splitlines() or ["ended without a word"])[-1])


CLIENT = Client("whmcs-api-client", "1.0.32", Path(__file__).with_name("requirements.lock"), _tour)
