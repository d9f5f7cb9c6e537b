"""tap-salesforce (singer-io): discovery, a sync by REST and one by the Bulk API, each followed by one from its state.

MeltanoLabs keeps a fork of its own, but publishes it in no package registry.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.clients.harness import Client, Stage, Step, output_of, program, tried

STREAMS = ("Account", "Order", "Case")
Message = dict[str, Any]


def _tour(client: Client, stage: Stage) -> Iterable[Step]:
    config = client.folder / "config.json"
    catalog = client.folder / "catalog.json"

    def run(api: str, *arguments: str) -> str:
        config.write_text(json.dumps(_config(api)))
        command = [str(program(client, "tap-salesforce")), "-c", str(config), *arguments]
        done = output_of(command, client, stage.trust | stage.tunnel)
        assert done.returncode == 0, done.stderr[-2_000:]
        return done.stdout

    def sync(api: str) -> Callable[[], None]:
        return lambda: _check_sync(client, stage, catalog, lambda *arguments: run(api, *arguments))

    for api in ("REST", "BULK"):
        yield tried(f"discover ({api})", lambda api=api: _discover(run(api, "-d"), catalog))
        yield tried(f"sync {', '.join(STREAMS)}, then from its state ({api})", sync(api))


def _config(api: str) -> Message:
    return {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh-token",
        "start_date": "2015-01-01T00:00:00Z",
        "api_type": api,
        "select_fields_by_default": True,
    }


def _discover(printed: str, catalog: Path) -> None:
    found = json.loads(printed)
    for stream in found["streams"]:
        whole = next(entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"])
        by_key = {"replication-method": "INCREMENTAL", "replication-key": "SystemModstamp"}
        whole |= by_key | {"selected": True} if stream["stream"] in STREAMS else {}
    names = {stream["stream"] for stream in found["streams"]}
    assert names >= set(STREAMS), f"discovered only {sorted(names)}"
    catalog.write_text(json.dumps(found))


def _check_sync(client: Client, stage: Stage, catalog: Path, run: Callable[..., str]) -> None:
    messages = _messages(run("-p", str(catalog)))
    records = {stream: _ids(messages, stream) for stream in STREAMS}
    world = stage.sandbox.world
    there = {"Account": len(world.accounts), "Order": len(world.order_index), "Case": len(world.case_index)}
    assert {stream: len(ids) for stream, ids in records.items()} == there, f"not all of {there}"
    state = client.folder / "state.json"
    state.write_text(json.dumps([m["value"] for m in messages if m["type"] == "STATE"][-1]))
    again = _messages(run("-p", str(catalog), "--state", str(state)))
    # The bookmark is read inclusively: the newest record of each comes once more, and nothing else.
    assert all(0 < len(_ids(again, stream)) < len(records[stream]) for stream in STREAMS), "read all again"


def _messages(printed: str) -> list[Message]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def _ids(messages: list[Message], stream: str) -> set[str]:
    return {m["record"]["Id"] for m in messages if m["type"] == "RECORD" and m["stream"] == stream}


CLIENT = Client("tap-salesforce", "2.8.1", Path(__file__).with_name("requirements.lock"), _tour)
