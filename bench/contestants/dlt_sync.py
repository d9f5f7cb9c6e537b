"""dlt: its rest_api source, merged by id into the same server. Runs in the environment of the peers.

Environment: BENCH_DATABASE_URL, BENCH_WHMCS_URL, BENCH_PAGE_ROWS, BENCH_HOME (its working folder); BENCH_DLT_AS_SENT
stores rows as they are sent instead of typed and mapped; BENCH_DLT_FORMAT and BENCH_DLT_STRATEGY choose other settings
than the best. dlt's own settings (NORMALIZE__WORKERS ...) are variables of the
environment too; bench/sync.py sets them, bench/README.md says how they were chosen. Prints its facts as JSON.
"""

import json
import os
import time
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dlt
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.sources.helpers.requests import Request, Response
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api import rest_api_source

from bench.contestants.memory import peak_megabytes

FORM = {
    "action": "GetInvoices",
    "responsetype": "json",
    "identifier": "sandbox-identifier",
    "secret": "sandbox-secret",
    "orderby": "id",
    "order": "asc",
}


class FormOffset(BasePaginator):
    """WHMCS pages by two fields of the form; dlt's own paginators know query strings and JSON bodies."""

    def __init__(self, page_rows: int) -> None:
        super().__init__()
        self._page_rows = page_rows
        self._offset = 0

    def init_request(self, request: Request) -> None:
        self._offset, self._has_next_page = 0, True
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        self._offset += len(data or ())
        self._has_next_page = bool(data) and self._offset < int(response.json()["totalresults"])

    def update_request(self, request: Request) -> None:
        request.data = {**FORM, "limitstart": self._offset, "limitnum": self._page_rows}


STATUSES = {
    "Draft": "draft",
    "Unpaid": "unpaid",
    "Paid": "paid",
    "Cancelled": "cancelled",
    "Refunded": "refunded",
    "Collections": "collections",
    "Payment Pending": "pending",
}
TEXTS = ("id", "account_id", "number", "status", "source_status", "currency", "payment_method")
DAYS = ("issued_on", "due_on")
INSTANTS = (
    "paid_at",
    "refunded_at",
    "cancelled_at",
    "last_capture_attempt_at",
    "source_created_at",
    "source_updated_at",
)
AMOUNTS = ("subtotal", "credit", "tax", "tax2", "total", "tax_rate", "tax_rate2")
COLUMNS: dict[str, Any] = {
    **{name: {"data_type": "text"} for name in TEXTS},
    **{name: {"data_type": "date"} for name in DAYS},
    **{name: {"data_type": "timestamp"} for name in INSTANTS},
    **{name: {"data_type": "decimal", "precision": 18, "scale": 4} for name in AMOUNTS},
}


def mapped(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of hub.invoices that a row tells, as texts: dlt makes its types of them, in its parallel workers."""
    return {
        "id": str(row["id"]),
        "account_id": str(row["userid"]),
        "number": row["invoicenum"] or str(row["id"]),
        "status": STATUSES.get(row["status"], "other"),
        "source_status": row["status"],
        "issued_on": row["date"],
        "due_on": day(row["duedate"]),
        "paid_at": instant(row["datepaid"]),
        "refunded_at": instant(row["date_refunded"]),
        "cancelled_at": instant(row["date_cancelled"]),
        "last_capture_attempt_at": instant(row["last_capture_attempt"]),
        "subtotal": row["subtotal"],
        "credit": row["credit"],
        "tax": row["tax"],
        "tax2": row["tax2"],
        "total": row["total"],
        "tax_rate": row["taxrate"],
        "tax_rate2": row["taxrate2"],
        "currency": row["currencycode"],
        "payment_method": unescape(row["paymentmethod"] or "").strip() or None,
        "source_created_at": instant(row["created_at"]),
        "source_updated_at": instant(row["updated_at"]),
    }


def day(value: str | None) -> str | None:
    return None if not value or value.startswith("0000") else value


def instant(value: str | None) -> str | None:
    # The sandbox is in Japan, whose clocks never change: no time zone is looked up.
    return None if not value or value.startswith("0000") else f"{value}+09:00"


def source(url: str, page_rows: int, strategy: str, *, as_sent: bool) -> Any:
    changed = {} if as_sent else {"columns": COLUMNS, "processing_steps": [{"map": mapped}]}
    resource = {
        **changed,
        "name": "invoices",
        "primary_key": "id",
        "write_disposition": {"disposition": "merge", "strategy": strategy},
        "endpoint": {
            "path": "includes/api.php",
            "method": "POST",
            "data": FORM,
            "data_selector": "invoices.invoice",
            "paginator": FormOffset(page_rows),
        },
    }
    return rest_api_source({"client": {"base_url": f"{url}/"}, "resources": [resource]})


def credentials(url: str) -> PostgresCredentials:
    """The embedded server is behind a Unix socket, whose folder stands in the URL's query."""
    parts = urlsplit(url)
    found = PostgresCredentials()
    found.database, found.username, found.password = parts.path.lstrip("/"), parts.username or "postgres", "unused"
    found.host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0].replace("/", "%2F")
    return found


def main() -> None:
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=os.environ["BENCH_HOME"],
        destination=dlt.destinations.postgres(credentials(os.environ["BENCH_DATABASE_URL"])),
        dataset_name="bench",
    )
    url, page_rows = os.environ["BENCH_WHMCS_URL"], int(os.environ["BENCH_PAGE_ROWS"])
    strategy = os.environ.get("BENCH_DLT_STRATEGY", "upsert")
    as_sent = bool(os.environ.get("BENCH_DLT_AS_SENT"))
    file_format = os.environ.get("BENCH_DLT_FORMAT", "csv")
    started = time.monotonic()
    pipeline.run(source(url, page_rows, strategy, as_sent=as_sent), loader_file_format=file_format)
    seconds = time.monotonic() - started
    steps = {
        step.step: round((step.finished_at - step.started_at).total_seconds(), 2) for step in pipeline.last_trace.steps
    }
    print(json.dumps({"seconds": seconds, "peak_mb": peak_megabytes(), "steps": steps}))


if __name__ == "__main__":
    main()
