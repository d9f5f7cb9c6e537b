"""Airbyte's source-salesforce: check, discover, read by REST and by the Bulk API 2.0, and a read from its state."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.clients.harness import Client, Stage, Step, output_of, program, tried

STREAMS = ("Account", "Order", "Case")
Message = dict[str, Any]


def _tour(client: Client, stage: Stage) -> Iterable[Step]:
    source = _Source(client, stage)
    yield tried("check", source.check)
    yield tried("discover", source.discover)
    yield tried(f"read {', '.join(STREAMS)} (REST)", lambda: source.read(bulk=False))
    yield tried(f"read {', '.join(STREAMS)} (Bulk API 2.0)", lambda: source.read(bulk=True))
    yield tried("read from its state", source.read_on)


class _Source:
    """The connector's own command, run in the client's folder."""

    def __init__(self, client: Client, stage: Stage) -> None:
        self._client, self._stage = client, stage
        self._streams: dict[str, Message] = {}
        self._state: list[Message] = []

    def check(self) -> None:
        (status,) = [m["connectionStatus"] for m in self._run("check") if m["type"] == "CONNECTION_STATUS"]
        assert status["status"] == "SUCCEEDED", status.get("message")

    def discover(self) -> None:
        (catalog,) = [m["catalog"] for m in self._run("discover") if m["type"] == "CATALOG"]
        self._streams = {stream["name"]: stream for stream in catalog["streams"]}
        assert self._streams.keys() >= set(STREAMS), f"discovered only {sorted(self._streams)}"

    def read(self, *, bulk: bool) -> None:
        messages = self._run("read", "--catalog", str(self._catalog()), bulk=bulk)
        world = self._stage.sandbox.world
        there = {"Account": len(world.accounts), "Order": len(world.order_index), "Case": len(world.case_index)}
        assert {stream: len(_ids(messages, stream)) for stream in STREAMS} == there, f"not all of {there}"
        self._state = list({_stream(m): m["state"] for m in messages if m["type"] == "STATE"}.values())

    def read_on(self) -> None:
        assert self._state, "there is no state"
        state = self._write("state.json", self._state)
        messages = self._run("read", "--catalog", str(self._catalog()), "--state", str(state), bulk=True)
        world = self._stage.sandbox.world
        assert len(_ids(messages, "Account")) < len(world.accounts), "read all again"

    def _catalog(self) -> Path:
        configured = [
            {
                "stream": self._streams[name],
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
                "cursor_field": ["SystemModstamp"],
                "primary_key": [["Id"]],
            }
            for name in STREAMS
        ]
        return self._write("catalog.json", {"streams": configured})

    def _run(self, command: str, *arguments: str, bulk: bool = False) -> list[Message]:
        config = {
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "refresh_token": "sandbox-refresh-token",
            "start_date": "2015-01-01T00:00:00Z",
            # So that a read makes few calls: the default slice is a month. In days, because from a state onwards the
            # connector cannot add years (TypeError "Invalid operation").
            "stream_slice_step": "P3650D",
            "force_use_bulk_api": bulk,
        }
        where = self._write("config.json", config)
        source = [str(program(self._client, "source-salesforce")), command, "--config", str(where), *arguments]
        done = output_of(source, self._client, self._stage.trust | self._stage.tunnel)
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        traces = [m["trace"]["error"]["message"] for m in messages if m["type"] == "TRACE" and "error" in m["trace"]]
        assert done.returncode == 0, traces[-1] if traces else done.stderr[-2_000:]
        return messages

    def _write(self, name: str, content: object) -> Path:
        path = self._client.folder / name
        path.write_text(json.dumps(content))
        return path


def _stream(message: Message) -> str:
    return str(message["state"]["stream"]["stream_descriptor"]["name"])


def _ids(messages: list[Message], stream: str) -> set[str]:
    records = (m["record"] for m in messages if m["type"] == "RECORD")
    return {record["data"]["Id"] for record in records if record["stream"] == stream}


CLIENT = Client("airbyte-source-salesforce", "2.10.3", Path(__file__).with_name("requirements.lock"), _tour)
