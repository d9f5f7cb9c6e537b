"""Switches for the ways in which WHMCS installs differ, applied to an answer just before it is written.

numbers      documented | strings | ints     ids and counters
empty_list   documented | string | absent | singular | array    an empty list of rows
one_row      array | object | keyed          a list of one row
entities     on | off                        HTML entities in texts (input was escaped on save)
auth_errors  json | nvp                      body of a refusal before the credentials are known
date_format  DD/MM/YYYY | MM/DD/YYYY | YYYY-MM-DD   localised dates
allowed_ips  "" or addresses separated by spaces    others get 403 unless they send the access key
forbidden    "" or actions separated by spaces      403 Invalid Permissions
default_format  xml | nvp                    where no `responsetype` is asked for
product_url  product-url | default_format  xml | nvp                    where no `responsetype` is asked for
product_url       the key in GetProducts: the sample writes the one, its history the other
amounts      documented | thousands          1234.00 or 1,234.00
max_rows     0 | n                           more rows a page than this are never given
webhook_before_commit_ms  0 | n              webhooks leave this long before the change can be seen
allow_qty    "" or pid=0 | 1 | 2 separated by spaces   what a product's setting "Allow Multiple Quantities" makes of a
             quantity: 0 it is not looked at, 1 that many services, 2 one service of that quantity (default)
services_told  all | reversed | spaced | none      how AddOrder lists the services it made, in `serviceids`
order_notes  on | off                        AddOrder keeps the text sent as `notes` (no documentation says so)
marker_field on | off                        every product has the hidden custom field 307 "Hub Command"
accept_activates  autosetup | always         AcceptOrder activates services only when asked to with `autosetup`
capture      approve | decline               what the gateway says to CapturePayment
immutable_invoices  on | off                 as from WHMCS 9.0: what has left Draft can no longer be edited
unencodable  "" | "invoice:20000017 product:30001"  records that make every JSON page with them an error, for they hold
                 bytes that are no UTF-8 (sburina/laravel-whmcs-up#6); XML takes those
fatal        "" | records                    each makes every page with it an HTTP 500 and a page of HTML
memory_rows  0 | n                           more rows a page than this, and PHP runs out of memory in the middle of it
two_factor   "" | users separated by spaces  have switched a second factor on
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

DEFAULTS = {
    "numbers": "documented",
    "empty_list": "documented",
    "one_row": "array",
    "entities": "on",
    "auth_errors": "json",
    "date_format": "DD/MM/YYYY",
    "allowed_ips": "",
    "forbidden": "",
    "default_format": "xml",
    "product_url": "product-url",
    "amounts": "documented",
    "max_rows": "0",
    "webhook_before_commit_ms": "0",
    "allow_qty": "",
    "services_told": "all",
    "order_notes": "on",
    "marker_field": "on",
    "accept_activates": "autosetup",
    "capture": "approve",
    "immutable_invoices": "off",
    "unencodable": "",
    "fatal": "",
    "memory_rows": "0",
    "two_factor": "",
}
_RESHAPING = ("numbers", "empty_list", "one_row", "amounts")
_PLURALS = {
    "invoices": "invoice", "clients": "client", "products": "product", "orders": "order", "addons": "addon",
    "contacts": "contact", "tickets": "ticket", "transactions": "transaction", "packages": "package",
    "customfields": "customfield", "configoptions": "configoption", "items": "item", "paymethods": "",
}  # fmt: skip
_AMOUNT = re.compile(r"(?<![\d.])(\d{4,})(\.\d\d)(?!\d)")
_WHOLE = re.compile(r"0|[1-9]\d{0,15}")


def reshapes(quirks: Mapping[str, str]) -> bool:
    """Whether some switch changes the shape of answers."""
    return any(quirks.get(name, DEFAULTS[name]) != DEFAULTS[name] for name in _RESHAPING)


def reshaped(answer: dict[str, object], quirks: Mapping[str, str]) -> dict[str, object]:
    """The answer as an install with these switches would give it."""
    given = {**DEFAULTS, **quirks}
    shaped = _listed(answer, given)
    if given["numbers"] != "documented":
        shaped = _mapped(shaped, partial(_numbered, form=given["numbers"]))
    return _mapped(shaped, _separated) if given["amounts"] == "thousands" else shaped


def _listed(node: dict[str, object], quirks: Mapping[str, str]) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, value in node.items():
        inner = [_listed(v, quirks) if isinstance(v, dict) else v for v in value] if isinstance(value, list) else value
        inner = _listed(inner, quirks) if isinstance(inner, dict) else inner
        if name not in _PLURALS:
            result[name] = inner
        elif _is_empty(inner):
            _put_empty(result, name, inner, quirks["empty_list"])
        else:
            result[name] = _one(inner, quirks["one_row"])
    return result


def _is_empty(value: object) -> bool:
    return value in ("", []) or (isinstance(value, dict) and all(inner in ("", []) for inner in value.values()))


def _put_empty(result: dict[str, object], name: str, value: object, form: str) -> None:
    if form == "documented":
        result[name] = value
    elif form == "singular" and _PLURALS[name]:
        result[name] = {_PLURALS[name]: []}
    elif form != "absent":
        result[name] = "" if form == "string" else []


def _one(value: object, form: str) -> object:
    if isinstance(value, dict):
        return {name: _one(inner, form) for name, inner in value.items()}
    if not isinstance(value, list) or form == "array":
        return value
    if form == "keyed":
        return {str(at): row for at, row in enumerate(value)}
    return value[0] if len(value) == 1 else value


def _mapped(node: Any, change: Callable[[object], object]) -> Any:
    """The answer with every single value changed."""
    if isinstance(node, dict):
        return {name: _mapped(inner, change) for name, inner in node.items()}
    if isinstance(node, list):
        return [_mapped(inner, change) for inner in node]
    return change(node)


def _separated(value: object) -> object:
    """1,234.00 for 1234.00, in whatever text it stands."""
    return _AMOUNT.sub(lambda found: f"{int(found[1]):,}{found[2]}", value) if isinstance(value, str) else value


def _numbered(value: object, form: str) -> object:
    if form == "strings" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if form == "ints" and isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value
