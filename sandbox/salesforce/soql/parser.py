"""SOQL text to its tree, by recursive descent: one method per line of the grammar in salesforce.md, section 7."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from sandbox.salesforce.errors import SalesforceError, malformed_query
from sandbox.salesforce.soql import literals, periods
from sandbox.salesforce.soql.tokens import Token, tokens
from sandbox.salesforce.soql.tree import (
    AGGREGATES,
    Aggregate,
    AllFields,
    Both,
    Comparison,
    Condition,
    Either,
    Membership,
    Negation,
    Ordering,
    Path,
    Query,
    Value,
)

Part = TypeVar("Part")

LONGEST_STATEMENT = 100_000
LARGEST_OFFSET = 2_000
DEEPEST_NESTING = 50
_AFTER_SOURCE = ("WHERE", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "GROUP", "HAVING", "WITH", "USING", ")")
_NEVER_FIELDS = ("SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "LIKE", "LIMIT", "OFFSET")
_COMPARISONS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_READERS: dict[str, Callable[[str], Value]] = {
    "string": literals.string,
    "number": literals.number,
    "date": literals.day,
    "datetime": literals.instant,
}


def parse(soql: str) -> Query:
    """The tree of a SOQL statement.

    Raises:
        SalesforceError: MALFORMED_QUERY, or NUMBER_OUTSIDE_VALID_RANGE for an OFFSET beyond 2,000.
    """
    if len(soql) > LONGEST_STATEMENT:
        raise SalesforceError(400, "QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters.")
    return _Parser(soql).statement()


class _Parser:
    def __init__(self, soql: str) -> None:
        self._soql = soql
        self._tokens = list(tokens(soql))
        self._at = 0
        self._depth = 0

    # -- the statement ------------------------------------------------------------------------------------------
    def statement(self) -> Query:
        query = self._query(nested=False)
        if self._token.kind != "end":
            self._fail()
        return query

    def _query(self, *, nested: bool) -> Query:
        self._expect("SELECT")
        items = self._list(lambda: self._item(nested=nested))
        self._expect("FROM")
        source = self._name()
        alias = None
        if self._token.kind == "name" and not self._token.says(*_AFTER_SOURCE):
            self._accept("AS")
            alias = self._name()
        where = self._condition() if self._accept("WHERE") else None
        group = tuple(self._list(self._path)) if self._accept("GROUP") and self._expect("BY") else ()
        having = self._condition() if group and self._accept("HAVING") else None
        order = tuple(self._list(self._ordering)) if self._accept("ORDER") and self._expect("BY") else ()
        limit = self._whole_number() if self._accept("LIMIT") else None
        offset = self._whole_number() if self._accept("OFFSET") else None
        if offset is not None and offset > LARGEST_OFFSET:
            raise SalesforceError(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        while self._accept("FOR"):
            self._expect("VIEW", "REFERENCE", "UPDATE")
        if self._token.says("ALL"):  # only Apex knows it; elsewhere queryAll is asked for such rows
            raise malformed_query(self._soql, self._token.offset, "ALL ROWS not allowed in this context")
        return Query(tuple(items), source, alias, where, order, limit, offset, group, having)

    def _item(self, *, nested: bool) -> Path | Aggregate | AllFields | Query:
        token = self._token
        if token.says("("):
            if nested:
                self._fail()
            self._advance()
            child = self._query(nested=True)
            self._expect(")")
            return child
        if self._is_aggregate():
            found = self._aggregate()
            has_alias = self._token.kind == "name" and not self._token.says("FROM")
            return Aggregate(found.function, found.path, self._name() if has_alias else None)
        if token.says("FIELDS") and self._tokens[self._at + 1].says("("):
            self._advance()
            self._expect("(")
            which = self._expect("ALL", "STANDARD", "CUSTOM").text.upper()
            self._expect(")")
            return AllFields(which, token.offset)
        return self._path()

    def _is_aggregate(self) -> bool:
        return self._token.says(*AGGREGATES) and self._tokens[self._at + 1].says("(")

    def _aggregate(self) -> Aggregate:
        function = self._advance().text.upper()
        self._expect("(")
        path = None if function == "COUNT" and self._token.says(")") else self._path()
        self._expect(")")
        return Aggregate(function, path)

    def _measure(self) -> Path:
        """A field, or an aggregate as a path of one name."""
        offset = self._token.offset
        return Path((str(self._aggregate()),), offset) if self._is_aggregate() else self._path()

    def _ordering(self) -> Ordering:
        path = self._measure()
        direction = self._accept("ASC", "DESC")
        nulls_last = bool(self._accept("NULLS") and self._expect("FIRST", "LAST").says("LAST"))
        return Ordering(path, direction is not None and direction.says("DESC"), nulls_last)

    # -- conditions ---------------------------------------------------------------------------------------------
    def _condition(self) -> Condition:
        first = self._negation()
        if not self._token.says("AND", "OR"):
            return first
        word = self._token.text.upper()
        parts = [first]
        while self._accept(word):
            parts.append(self._negation())
        # Salesforce does not rank AND above OR: whoever mixes them must say which goes first.
        if self._token.says("AND", "OR"):
            self._fail()
        return Both(tuple(parts)) if word == "AND" else Either(tuple(parts))

    def _negation(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise SalesforceError(400, "QUERY_TOO_COMPLICATED", "The condition is nested too deeply.")
        try:
            return Negation(self._negation()) if self._accept("NOT") else self._primary()
        finally:
            self._depth -= 1

    def _primary(self) -> Condition:
        if self._accept("("):
            condition = self._condition()
            self._expect(")")
            return condition
        path = self._measure()
        if self._accept("LIKE"):
            return Comparison(path, "LIKE", self._literal())
        if self._accept("NOT"):
            self._expect("IN")
            return Membership(path, self._options(), negated=True)
        if self._accept("IN"):
            return Membership(path, self._options(), negated=False)
        operator = _COMPARISONS.get(self._token.text)
        if operator is None:
            self._fail()
        self._advance()
        return Comparison(path, operator, self._literal())

    def _options(self) -> tuple[Value, ...] | Query:
        self._expect("(")
        options = self._semi_join() if self._token.says("SELECT") else tuple(self._list(self._literal))
        self._expect(")")
        return options

    def _semi_join(self) -> Query:
        """Source: "Comparison Operators", semi-joins: one id, no COUNT, ORDER BY or LIMIT, none inside another."""
        start = self._token.offset
        query = self._query(nested=True)
        inner = any(isinstance(c, Membership) and isinstance(c.options, Query) for c in query.conjuncts())
        if query.order or query.limit is not None or query.offset is not None or query.is_aggregate or inner:
            problem = "ORDER BY, LIMIT, OFFSET, aggregates and further semi-joins are not supported in a semi-join"
            raise malformed_query(self._soql, start, problem)
        if len(query.items) != 1 or not isinstance(query.items[0], Path):
            raise malformed_query(self._soql, start, "semi join sub-selects can only query a single field")
        return query

    def _literal(self) -> Value:
        token = self._token
        if token.kind in _READERS:
            try:
                value = _READERS[token.kind](token.text)
            except ValueError as error:
                raise malformed_query(self._soql, token.offset, str(error)) from error
        elif token.says("TRUE", "FALSE"):
            value = Value("boolean", token.text.upper() == "TRUE")
        elif token.says("NULL"):
            value = Value("null", None)
        elif token.kind == "name" and periods.is_period(token.text.upper()):
            return self._period()
        else:
            self._fail()
        self._advance()
        return value

    def _period(self) -> Value:
        name = self._advance().text.upper()
        if not periods.counts(name):
            return Value("period", (name, 0))
        self._expect(":")
        return Value("period", (name, self._whole_number()))

    # -- words --------------------------------------------------------------------------------------------------
    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _accept(self, *words: str) -> Token | None:
        return self._advance() if self._token.says(*words) else None

    def _expect(self, *words: str) -> Token:
        return self._accept(*words) or self._fail()

    def _list(self, part: Callable[[], Part]) -> list[Part]:
        parts = [part()]
        while self._accept(","):
            parts.append(part())
        return parts

    def _name(self) -> str:
        if self._token.kind != "name" or "." in self._token.text:
            self._fail()
        return self._advance().text

    def _path(self) -> Path:
        if self._token.kind != "name" or self._token.says(*_NEVER_FIELDS):
            self._fail()
        token = self._advance()
        return Path(tuple(token.text.split(".")), token.offset)

    def _whole_number(self) -> int:
        if self._token.kind != "number" or not self._token.text.isdigit():
            self._fail()
        return int(self._advance().text)

    def _fail(self) -> NoReturn:
        token = self._token
        raise malformed_query(self._soql, token.offset, f"unexpected token: '{token.text}'")
