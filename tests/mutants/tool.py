"""Bugs as a tool makes them: cosmic-ray's operators on the engine's modules, in an order that any sample may begin at.

Of its operators are left out those whose result says nothing: the bit-wise ones, which in this code stand in types
(`int | None`), the exotic exchanges of a sign (`+` for `**`), which fail at once, and its exchange of exceptions, which
breaks off at a dotted name (`psycopg.Error`), and `/` for `*`, which it finds before keyword arguments too.

Left out besides is what no promise depends on: one more or one less of ten and more (sizes, limits), how long a pause
is (no test asserts a duration), whether a dataclass may be changed, whether `zip` checks what is always so, and whether
what was worked out is kept.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.rooms import ROOMS, Room

OPERATORS = (
    "AddNot", "NumberReplacer", "RemoveDecorator", "ReplaceAndWithOr", "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add", "ReplaceBreakWithContinue",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_Gt_Lt",
    "ReplaceComparisonOperator_GtE_Gt", "ReplaceComparisonOperator_GtE_Lt", "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_LtE_Gt", "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Lt_Gt", "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceContinueWithBreak", "ReplaceFalseWithTrue", "ReplaceOrWithAnd", "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_USub_UAdd", "ZeroIterationForLoop",
)  # fmt: skip


MANY = 10
NO_PROMISE = ("frozen=", "slots=", "kw_only=", "repr=", "eq=", "strict=")
PAUSE = re.compile(r"_SECONDS\b.*=|\bwait\(|\bsleep\(|\b(?:delay|timeout)=")


def made() -> list[Mutant]:
    """Every mutant of every room; a room after the other's turn, within a room in an order that is always the same."""
    rooms = [_shuffled(room) for room in ROOMS]
    longest = max(len(room) for room in rooms)
    return [room[turn] for turn in range(longest) for room in rooms if turn < len(room)]


def _shuffled(room: Room) -> list[Mutant]:
    mutants = [mutant for file in room.files() for mutant in _of_file(room, file)]
    Random(1).shuffle(mutants)
    return mutants


def _of_file(room: Room, file: str) -> Iterator[Mutant]:
    from cosmic_ray.ast import get_ast  # noqa: PLC0415 - only those who ask for its bugs have installed it
    from cosmic_ray.plugins import get_operator  # noqa: PLC0415

    text = (ROOT / file).read_text()
    operators = {name: get_operator(f"core/{name}")() for name in OPERATORS}
    lines, numbers = text.splitlines(), Counter[str]()
    for node in _nodes(get_ast(text)):
        for name, operator in operators.items():
            for (line, start), (_, end) in operator.mutation_positions(node):
                number, numbers[name] = numbers[name], numbers[name] + 1
                if not _matters(name, lines[line - 1], start, end):
                    continue
                says = f"{name} in {lines[line - 1].strip()}"
                made = partial(_made, text, name, number)
                yield Mutant(
                    room.name, f"{file}:{line}:{name}:{number}", says, file, made, f"{text}{name}{number}",
                    room.tests_of(file),
                )  # fmt: skip


def _matters(name: str, line: str, start: int, end: int) -> bool:
    if name == "NumberReplacer":
        return float(ast.literal_eval(line[start:end])) < MANY and not PAUSE.search(line)
    if name in {"ReplaceTrueWithFalse", "ReplaceFalseWithTrue"}:
        return not line[:start].endswith(NO_PROMISE)
    return name != "RemoveDecorator" or "cache" not in line


def _made(text: str, name: str, number: int) -> str:
    from cosmic_ray.mutating import mutate_code  # noqa: PLC0415
    from cosmic_ray.plugins import get_operator  # noqa: PLC0415

    return str(mutate_code(text, get_operator(f"core/{name}")(), number))


def _nodes(node: Any) -> Iterator[Any]:
    """In the tool's own order, which numbers the places: a node, then what is in it."""
    yield node
    for each in getattr(node, "children", ()):
        yield from _nodes(each)
