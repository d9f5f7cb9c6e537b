"""What wrk asks of each server: a file with a line per customer."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from uuid import UUID

from core.settings import ApiSettings
from read_api.auth.tokens import mint

PATH = "/api/invoices?limit=25"
CHECKED = 20


@dataclass(frozen=True)
class Paths:
    """Files in the form that wrk.lua reads; the same line of `hub` and `fastapi` is the same customer."""

    hub: Path
    fastapi: Path
    hello: Path

    @staticmethod
    def some(file: Path) -> list[tuple[str, str]]:
        """Path and Authorization of a few lines, the same of every file of that length."""
        lines = file.read_text(encoding="ascii").splitlines()
        chosen = random.Random(1).sample(lines, min(CHECKED, len(lines)))
        return [(path, authorization) for path, _, authorization in (line.partition("\t") for line in chosen)]


def written_to(folder: Path, key: str, customers: int) -> Paths:
    """A line for every customer of bench/fill.sql. All of them: the API must not be able to remember every token."""
    settings = ApiSettings(jwt_key=key, jwt_minutes=1440)
    ids = [UUID(md5(f"customer{n}".encode(), usedforsecurity=False).hexdigest()) for n in range(1, customers + 1)]
    paths = Paths(folder / "hub", folder / "fastapi", folder / "hello")
    _write(paths.hub, [f"{PATH}\tBearer {mint(settings, customer)}" for customer in ids])
    _write(paths.fastapi, [f"{PATH}&customer={customer}\t" for customer in ids])
    _write(paths.hello, ["/\t"])
    return paths


def _write(file: Path, lines: Sequence[str]) -> None:
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
