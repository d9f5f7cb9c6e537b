"""Conditions as functions from a row to whether it is wanted (null semantics: salesforce.md, section 7)."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import NUMBERS, STRINGS, Field
from sandbox.salesforce.soql.literals import plain
from sandbox.salesforce.soql.paths import Getter, Paths
from sandbox.salesforce.soql.periods import bounds
from sandbox.salesforce.soql.tree import Both, Comparison, Condition, Either, Membership, Negation, Query, Value

Predicate = Callable[[Row], bool]
Subselect = Callable[[Query], Iterable[object]]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_ACCEPTED = {"string": STRINGS, "number": NUMBERS, "boolean": {"boolean"}, "date": {"date"}, "datetime": {"datetime"}}
_LONGEST_STRING = 4_000


class Conditions:
    """Turns the conditions of one query into predicates."""

    def __init__(self, paths: Paths, now: datetime, subselect: Subselect) -> None:
        """`now`: what date literals count from. `subselect`: the values a nested query selects."""
        self._paths, self._now, self._subselect = paths, now, subselect

    def predicate(self, condition: Condition) -> Predicate:
        """Raises SalesforceError when a field is unknown, not filterable, or compared with the wrong type."""
        match condition:
            case Both(parts):
                every = [self.predicate(part) for part in parts]
                return lambda row: all(test(row) for test in every)
            case Either(parts):
                some = [self.predicate(part) for part in parts]
                return lambda row: any(test(row) for test in some)
            case Negation(part):
                test = self.predicate(part)
                return lambda row: not test(row)
            case Comparison():
                return self._comparison(condition)
            case Membership():
                return self._membership(condition)

    def _comparison(self, condition: Comparison) -> Predicate:
        _, field = self._paths.resolve(condition.path)
        get, operator = self._paths.getter(condition.path), condition.operator
        check_filterable(field)
        if condition.value.kind == "period":
            return self._period(get, field, operator, condition.value)
        if operator == "LIKE":
            return _like(get, field, condition.value)
        value = operand(field, condition.value)
        if operator in {"=", "!="}:
            wanted = operator == "="
            return lambda row: (folded(get(row)) == value) is wanted
        if value is None or field.type == "boolean":
            raise SalesforceError(
                400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.type} field: {field.name}"
            )
        return _ordered(get, _ORDERS[operator], value)

    def _period(self, get: Getter, field: Field, operator: str, value: Value) -> Predicate:
        low, high = bounds(value.value, self._now, as_date=field.type == "date")
        tests: dict[str, Callable[[str], bool]] = {
            "=": lambda text: low <= text < high,
            "!=": lambda text: not low <= text < high,
            "<": lambda text: text < low,
            "<=": lambda text: text < high,
            ">": lambda text: text >= high,
            ">=": lambda text: text >= low,
        }
        test = tests[operator]
        return lambda row: (found := folded(get(row))) is not None and test(str(found))

    def _membership(self, condition: Membership) -> Predicate:
        _, field = self._paths.resolve(condition.path)
        get, negated = self._paths.getter(condition.path), condition.negated
        check_filterable(field)
        if isinstance(condition.options, Query):
            options = {folded(value) for value in self._subselect(condition.options)}
        else:
            options = {operand(field, value) for value in condition.options}
        return lambda row: (folded(get(row)) in options) is not negated


def operand(field: Field, value: Value) -> object:
    """The literal as values of the field are compared. Raises SalesforceError: INVALID_FIELD for a wrong type."""
    if value.kind == "null":
        return None
    if field.type not in _ACCEPTED.get(value.kind, ()):
        quotes = " and should not be enclosed in quotes" if value.kind == "string" else ""
        wanted = "dateTime" if field.type == "datetime" else field.type
        problem = f"value of filter criterion for field '{field.name}' must be of type {wanted}{quotes}"
        raise SalesforceError(400, "INVALID_FIELD", problem)
    if value.kind != "string":
        return folded(value.value)
    text = str(value.value)
    if len(text) > _LONGEST_STRING:
        raise SalesforceError(400, "INVALID_QUERY_FILTER_OPERATOR", "string literal exceeds 4000 characters")
    if field.type in {"id", "reference"}:
        found = full_id(text)
        if found is None and text:
            raise SalesforceError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
        return found and found.casefold()
    # An empty string is stored as null, so comparing with it is the null test.
    return plain(text).casefold() or None


def check_filterable(field: Field) -> None:
    if not field.filterable or field.type == "address":
        raise SalesforceError(400, "INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")


def folded(value: object) -> object:
    """Values compare without regard to case."""
    return value.casefold() if isinstance(value, str) else value


def _ordered(get: Getter, compare: Callable[[Any, Any], bool], value: object) -> Predicate:
    def test(row: Row) -> bool:
        found = folded(get(row))
        return found is not None and compare(found, value)

    return test


def _like(get: Getter, field: Field, pattern: Value) -> Predicate:
    if field.type not in STRINGS or field.type in {"id", "reference"} or pattern.kind != "string":
        raise SalesforceError(
            400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.type} field: {field.name}"
        )
    matches = re.compile(_regex(str(pattern.value)), re.IGNORECASE | re.DOTALL).fullmatch
    return lambda row: (found := get(row)) is not None and matches(str(found)) is not None


def _regex(pattern: str) -> str:
    wild = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join(wild.get(part) or re.escape(part[1:] if len(part) == 2 else part) for part in parts)
