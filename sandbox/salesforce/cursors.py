"""Query results page by page: what stands behind a query locator."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.soql.grouping import Groups
from sandbox.salesforce.soql.parser import parse
from sandbox.salesforce.soql.plan import Place, Plan
from sandbox.salesforce.soql.selection import Document, Selection
from sandbox.salesforce.soql.tree import Aggregate, Query
from sandbox.world import salesforce_id

LARGEST_BATCH, SMALLEST_BATCH = 2_000, 200
LIFETIME = timedelta(days=2)
MOST_CURSORS = 1_000
ROWS_QUIRK = "salesforce.query_rows"  # state.quirks: more rows a page than this are never given
_LOCATOR = re.compile(r"(01g\w{15})-(\d+)")


class Cursor:
    """An open query: its plan, how many rows it has, and the places where its pages began."""

    def __init__(self, org: Org, query: Query, version: str, opened_at: datetime, *, include_deleted: bool) -> None:
        self.plan = Plan(org, query, include_deleted=include_deleted)
        self.selection = Selection(org, self.plan, version)
        self.total = self.plan.count()
        self.opened_at = opened_at
        self._starts: dict[int, Place | None] = {0: None}

    def page(self, offset: int, size: int) -> tuple[list[Document], bool]:
        """Rows number `offset` (0-based) and after, at most `size`, and whether they are the last ones.

        Any page may be read again. The rows of child queries count toward the size ("Query Options Header").
        """
        known = max(start for start in self._starts if start <= offset)
        skip = offset - known + (self.plan.query.offset or 0 if known == 0 else 0)
        left, size = size, min(size, max(self.total - offset, 0))
        documents, place = [], self._starts[known]
        rows = islice(self.plan.rows(place), skip, skip + size)
        for reached, row in rows:
            documents.append(self.selection.document(row))
            place = reached
            if self.selection.children:
                left -= 1 + self._children_in(documents[-1])
                if left <= 0:
                    break
        if place is not None:
            self._starts[offset + len(documents)] = place
        # A page cut short by rows that went away since the query began is the last one.
        ended = len(documents) < size and left > 0
        return documents, ended or offset + len(documents) >= self.total

    def _children_in(self, document: Document) -> int:
        nested = (document[name] for name in self.selection.children)
        return sum(len(children["records"]) for children in nested if isinstance(children, dict))


class Cursors:
    """Every open query of the org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._open: OrderedDict[str, Cursor] = OrderedDict()
        self._opened = 0

    def query(self, soql: str, version: str, size: int, *, include_deleted: bool) -> Document:
        """The first page of a query's result. Raises SalesforceError."""
        query = parse(soql)
        if query.is_aggregate:
            return self._aggregated(query, include_deleted=include_deleted)
        cursor = Cursor(self._org, query, version, self._org.clock.now(), include_deleted=include_deleted)
        locator = self._locator()
        document = self._document(cursor, locator, 0, size, version)
        if not document["done"]:
            self._open[locator] = cursor
            while len(self._open) > MOST_CURSORS:
                self._open.popitem(last=False)
        return document

    def more(self, text: str, version: str, size: int) -> Document:
        """The page a locator stands for. Raises SalesforceError: INVALID_QUERY_LOCATOR."""
        match = _LOCATOR.fullmatch(text)
        cursor = self._open.get(match.group(1)) if match else None
        if match is None or cursor is None or self._org.clock.now() - cursor.opened_at > LIFETIME:
            raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._document(cursor, match.group(1), int(match.group(2)), size, version)

    def clear(self) -> None:
        self._open.clear()

    def _document(self, cursor: Cursor, locator: str, offset: int, size: int, version: str) -> Document:
        records, done = cursor.page(offset, size)
        reached = offset + len(records)
        head: Document = {"totalSize": cursor.total, "done": done}
        more = {} if done else {"nextRecordsUrl": f"/services/data/v{version}/query/{locator}-{reached}"}
        return head | more | {"records": records}

    def explain(self, soql: str) -> Document:
        """How a query would be run ("Get Feedback on Query Performance"). Raises SalesforceError."""
        query = parse(soql)
        rows = Query((), query.source, query.alias, query.where)
        plan = Plan(self._org, rows, include_deleted=False)
        found, every = plan.count(), plan.table.count(include_deleted=False)
        notes = {
            "description": "Not considering filter for optimization because unindexed",
            "fields": ["IsDeleted"],
            "tableEnumOrId": plan.table.definition.name,
        }
        return {
            "plans": [
                {
                    "cardinality": found,
                    "fields": [],
                    "leadingOperationType": "TableScan" if query.where else "Other",
                    "notes": [notes],
                    "relativeCost": round(found / every, 3) if every else 0.0,
                    "sobjectCardinality": every,
                    "sobjectType": plan.table.definition.name,
                }
            ],
            "sourceQuery": soql,
        }

    def _aggregated(self, query: Query, *, include_deleted: bool) -> Document:
        if query.items == (Aggregate("COUNT"),) and not query.group:
            plan = Plan(self._org, query, include_deleted=include_deleted)
            return {"totalSize": plan.count(), "done": True, "records": []}
        records = Groups(self._org, query, include_deleted=include_deleted).documents()
        return {"totalSize": len(records), "done": True, "records": records}

    def _locator(self) -> str:
        self._opened += 1
        return "01g" + salesforce_id("Order", self._opened)[3:]


def batch_size(options: str | None, quirks: Mapping[str, str]) -> int:
    """Rows of a page: the `batchSize` of a Sforce-Query-Options header, held between 200 and 2,000.

    Salesforce may give fewer than asked for; so it does with the quirk `salesforce.query_rows`.
    """
    match = re.search(r"batchSize\s*=\s*(\d+)", options or "", re.IGNORECASE)
    asked = min(max(int(match.group(1)), SMALLEST_BATCH), LARGEST_BATCH) if match else LARGEST_BATCH
    return min(asked, int(quirks.get(ROWS_QUIRK, asked)))
