"""As whom each role connects (`url_as`): as itself and never as the owner in disguise, by the URL that it was given."""

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import HubSettings, Role, password_file, url_as

OWNER = "postgresql://owner:hush@db.example.com:5433/hub"
ROLES: tuple[Role, ...] = ("hub_sync", "hub_api", "hub_auth", "hub_analyst")


def settings(home: Path, url: str | None = OWNER, **own: str) -> HubSettings:
    none = dict.fromkeys(f"{each}_database_url" for each in ("sync", "api", "auth", "analyst"))
    return HubSettings(hub_home=home, database_url=url, **none | own)


def with_password(hub: HubSettings, role: Role, said: str = "its-own") -> HubSettings:
    file = password_file(hub, role)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{said}\n")
    return hub


@pytest.mark.parametrize("role", ROLES)
def test_a_role_goes_by_its_own_name_and_password_to_the_owners_server(tmp_path: Path, role: Role) -> None:
    hub = with_password(settings(tmp_path), role)

    assert url_as(hub, role) == f"postgresql://{role}:its-own@db.example.com:5433/hub"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_a_password_of_its_own(tmp_path: Path, role: Role) -> None:
    hub = settings(tmp_path)
    for each in ROLES:
        with_password(hub, each, f"of-{each}")

    assert f"{role}:of-{role}@" in url_as(hub, role)


def test_the_owner_goes_by_what_was_given(tmp_path: Path) -> None:
    assert url_as(settings(tmp_path), "owner") == OWNER


@pytest.mark.parametrize(
    ("role", "variable"),
    [(each, f"{each.removeprefix('hub_')}_database_url") for each in ROLES],
)
def test_a_roles_own_url_wins_over_all_else(tmp_path: Path, role: Role, variable: str) -> None:
    own = f"postgresql://{role}:another@replica.example.com/hub"
    hub = with_password(settings(tmp_path, **{variable: own}), role)

    assert url_as(hub, role) == own


@pytest.mark.parametrize(
    ("owners", "roles"),
    [
        (
            "postgresql://db.example.com/hub?user=owner&password=hush&sslmode=require",
            "postgresql://hub_api:its-own@db.example.com/hub?sslmode=require",
        ),
        (
            "postgresql://owner:hush@/hub?host=/run/postgresql",
            "postgresql://hub_api:its-own@/hub?host=/run/postgresql",
        ),
        (
            "postgresql://owner:hush@db.example.com/hub?options=-c%20search_path%3Dpublic",
            "postgresql://hub_api:its-own@db.example.com/hub?options=-c%20search_path%3Dpublic",
        ),
    ],
    ids=["in the query", "by a socket", "with options"],
)
def test_nothing_of_the_owners_name_or_password_is_left(tmp_path: Path, owners: str, roles: str) -> None:
    hub = with_password(settings(tmp_path, owners), "hub_api")

    assert url_as(hub, "hub_api") == roles


def test_over_a_socket_a_role_may_need_no_password(tmp_path: Path) -> None:
    """The embedded server knows the role's system user (pg_hba.conf: peer)."""
    hub = settings(tmp_path, "postgresql://postgres:hush@/hub?host=/run/hub")

    assert url_as(hub, "hub_api") == "postgresql://hub_api@/hub?host=/run/hub"


@pytest.mark.parametrize("server", ["db.example.com", "127.0.0.1", "[::1]"])
def test_over_the_network_a_role_without_a_password_is_refused_and_told_what_to_set(
    tmp_path: Path, server: str
) -> None:
    hub = settings(tmp_path, f"postgresql://owner:hush@{server}/hub")

    with pytest.raises(SettingsError, match=r"^API_DATABASE_URL: not set, and no password of hub_api") as refused:
        url_as(hub, "hub_api")

    assert "hush" not in str(refused.value)


def test_without_any_url_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: not set"):
        url_as(settings(tmp_path, None), "hub_sync")
