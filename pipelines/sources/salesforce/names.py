"""The org's names of custom fields and ours: queries go out with theirs, rows come in with ours."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pipelines.sources.salesforce.times import written


class FieldNames:
    """Translates both ways. `org_names`: our name -> the org's, where they differ; matched in any case."""

    def __init__(self, org_names: Mapping[str, str]) -> None:
        self._org_names = dict(org_names)
        self._our_names = {org.lower(): ours for ours, org in org_names.items()}
        self._known = re.compile(r"\b(" + "|".join(map(re.escape, org_names)) + r")\b") if org_names else None

    def query(self, soql: str) -> str:
        """The query as the org understands it."""
        return self._known.sub(lambda found: self._org_names[found[0]], soql) if self._known else soql

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A REST record with our names, without the record's own address."""
        if not self._known:
            row.pop("attributes", None)
            return row
        return {self.column(name): self._value(value) for name, value in row.items() if name != "attributes"}

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Fields to be written, with the org's names; moments and days in the forms that Salesforce documents."""
        return {self._org_names.get(name, name): _sent(value) for name, value in row.items()}

    def _value(self, value: Any) -> Any:
        return self.row(value) if isinstance(value, dict) else value

    def column(self, name: str) -> str:
        """Our name of a column; a parent's field is `Order.Total__c`."""
        return ".".join(self._our_names.get(part.lower(), part) for part in name.split("."))


def _sent(value: Any) -> Any:
    if isinstance(value, datetime):
        return written(value)
    return value.isoformat() if isinstance(value, date) else value
