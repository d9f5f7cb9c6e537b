"""Request parameters as PHP reads them, and numbers as PHP casts them."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

_HEAD = re.compile(r"[^\[\]]+")
_KEY = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"\s*[+-]?\d+")
_DECIMAL = re.compile(r"\s*[+-]?\d+(\.\d*)?")

Params = Mapping[str, object]


def params_from(fields: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Nested parameters: `pid[0]=1`, `pid[]=1` and `map[key]=text` become dicts keyed by text; the last one wins."""
    result: dict[str, object] = {}
    for name, value in fields:
        head = _HEAD.match(name)
        if head is None:
            continue
        keys = [head.group(), *_KEY.findall(name[head.end() :])]
        node = result
        for key in keys[:-1]:
            inner = node.setdefault(key or str(len(node)), {})
            node = inner if isinstance(inner, dict) else {}
        node[keys[-1] or str(len(node))] = value
    return result


def text(params: Params, name: str) -> str:
    value = params.get(name, "")
    return value if isinstance(value, str) else ""


def whole(params: Params, name: str, default: int = 0) -> int:
    """The whole number at the start of the text, as PHP casts; `default` when nothing was sent, 0 for no number."""
    value = text(params, name)
    if not value:
        return default
    found = _NUMBER.match(value)
    return int(found.group()) if found else 0


def truthy(params: Params, name: str) -> bool:
    """Whether PHP takes the text for true: the text "false" is one such."""
    return text(params, name) not in {"", "0"}


def listed(params: Params, name: str) -> dict[str, str]:
    """Texts of `name[key]` by key; {} when none was sent, or no list."""
    value = params.get(name)
    return {key: inner for key, inner in value.items() if isinstance(inner, str)} if isinstance(value, dict) else {}


def amount(value: str) -> Decimal:
    """The amount at the start of the text, as PHP casts; 0 where there is none."""
    found = _DECIMAL.match(value)
    return Decimal(found.group()) if found else Decimal(0)
