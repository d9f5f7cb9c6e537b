"""Help teaches: every command says what it is for and shows how it is used."""

import pytest
import typer

from cli.main import app
from tests.cli.conftest import Hub

COMMANDS = [
    ("up",),
    ("api",),
    ("apply",),
    ("forward",),
    ("gateway",),
    ("listen",),
    ("migrate",),
    ("sync",),
    ("status",),
    ("reconcile",),
    ("replay",),
    ("history",),
    ("quarantine", "list"),
    ("quarantine", "show"),
    ("quarantine", "retry"),
    ("commands", "list"),
    ("commands", "show"),
    ("commands", "retry"),
    ("commands", "cancel"),
    ("commands", "resolve"),
    ("customers", "list"),
    ("customers", "link"),
    ("customers", "unlink"),
    ("customers", "links"),
    *(("user", verb) for verb in ("add", "remove", "agent", "view-as", "list", "show", "lock", "unlock", "reset")),
    ("keys", "list"),
    ("keys", "rotate"),
    *(("service-key", verb) for verb in ("add", "list", "rotate", "revoke")),
    ("audit", "verify"),
    ("customer", "export"),
    ("customer", "erase"),
    *(("analyst", verb) for verb in ("add", "list", "remove")),
    ("mail", "list"),
    ("mail", "retry"),
    ("dagster",),
    ("token",),
    ("tour",),
    ("psql",),
]


def test_no_command_is_left_out_here() -> None:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    named = {(command.name,) for command in app.registered_commands}
    nested = {(str(group), command.name) for group, inner in groups.items() for command in _commands(inner)}

    assert named | nested == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_examples_that_begin_with_the_command(hub: Hub, command: tuple[str, ...]) -> None:
    ended = hub(*command, "--help")

    assert ended.code == 0
    assert "Examples" in ended.out
    assert f"hub {' '.join(command)}" in ended.out.partition("Examples")[2]


def test_hub_alone_shows_where_to_begin(hub: Hub) -> None:
    ended = hub("--help")

    assert "hub up" in ended.out


def _commands(group: typer.Typer | None) -> list[typer.models.CommandInfo]:
    return group.registered_commands if group is not None else []
