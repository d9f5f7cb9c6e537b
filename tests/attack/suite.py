"""What an attack is: a function that tries something, and says whether the promise held and what was seen."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.attack.target import Target

Verdict = Literal["held", "broken", "untried"]
"""untried: the attack could not be tried here; counted as broken, because nothing was shown."""


@dataclass(frozen=True)
class Seen:
    """What came of an attack. `what`: a line for people."""

    held: bool
    what: str


Tried = Callable[[Target], Seen]


@dataclass(frozen=True)
class Attack:
    """One way to break in.

    item: what it belongs to in the issue that found it ("held": it never worked). quick: part of the pytest run; those
    whose promise is kept, and that need seconds. needs_stack: it looks at the database, the sandbox or the processes,
    and cannot be tried on an address alone. reads: it leaves everything as it was.
    """

    name: str
    item: str
    about: str
    tried: Tried
    quick: bool
    needs_stack: bool
    reads: bool


@dataclass(frozen=True)
class Outcome:
    """An attack, tried."""

    attack: Attack
    verdict: Verdict
    what: str
    seconds: float


ATTACKS: dict[str, Attack] = {}


def attack(
    item: str, *, quick: bool = False, needs_stack: bool = True, reads: bool = False
) -> Callable[[Tried], Tried]:
    """Register a function as the attack of its name; its docstring says what is promised."""

    def registered(tried: Tried) -> Tried:
        about = (tried.__doc__ or "").strip().splitlines()[0]
        name = tried.__name__
        if name in ATTACKS or not about:
            raise TypeError(f"attack {name} is there twice, or promises nothing")
        ATTACKS[name] = Attack(name, item, about, tried, quick, needs_stack, reads)
        return tried

    return registered


def tried(attacks: Iterable[Attack], target: Target) -> Iterator[Outcome]:
    """Each attack on a target as it was at the beginning."""
    for each in attacks:
        begun = time.monotonic()
        if each.needs_stack and target.stage is None:
            yield Outcome(each, "untried", "needs a stack of its own: leave out --api", 0.0)
            continue
        try:
            target.reset()
            target.is_new = each.reads
            seen = each.tried(target)
            verdict: Verdict = "held" if seen.held else "broken"
            what = seen.what
        except Exception as error:  # noqa: BLE001 - an attack that cannot be carried out hides no other
            verdict, what = "untried", f"{type(error).__name__}: {error}"[:300]
        yield Outcome(each, verdict, " ".join(what.split()), time.monotonic() - begun)
