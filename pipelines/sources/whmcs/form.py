"""The request body: a form in PHP's bracket notation (reference, parameter encoding)."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

Value = object


def encoded(params: Mapping[str, Value]) -> bytes:
    """`{"pid": [1, 2], "noemail": True, "notes": None}` as `pid[0]=1&pid[1]=2&noemail=1`, like PHP's own encoder."""
    return urlencode([pair for name, value in params.items() for pair in _pairs(name, value)]).encode("ascii")


def _pairs(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(f"{name}[{key}]", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from _pairs(f"{name}[{index}]", inner)
    elif isinstance(value, bool):
        yield name, "1" if value else "0"
    elif value is not None:
        yield name, str(value)
