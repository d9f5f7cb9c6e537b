"""Whose calendar a day or a month is of: the network's, which is Japan's, nine hours ahead of UTC."""

from datetime import UTC, date, datetime

import pytest

from domain.common.vocabulary import FreebitVocabulary
from domain.sim.changing import PlanChange
from domain.sim.contract import SimUsage
from pipelines.commands.actions import change_line
from pipelines.commands.saga import Work
from pipelines.datasets.freebit import LINE_USAGE
from pipelines.sources.clients import Clients
from pipelines.sync.reading import BODY, PARENT, REQUESTED_AT
from tests.domain.literals.services import LINE, TRAFFIC

BEFORE_MIDNIGHT, AFTER_MIDNIGHT = datetime(2026, 11, 30, 14, 59, tzinfo=UTC), datetime(2026, 11, 30, 15, tzinfo=UTC)
"""In UTC both are of November; in Japan the second is of December."""


@pytest.mark.parametrize(
    ("requested_at", "days"),
    [
        (BEFORE_MIDNIGHT, [date(2026, 11, 30), date(2026, 11, 29), date(2026, 11, 27)]),
        (AFTER_MIDNIGHT, [date(2026, 12, 1), date(2026, 11, 30), date(2026, 11, 28)]),
    ],
)
def test_data_counts_for_the_day_on_which_it_was_used_in_japan(requested_at: datetime, days: list[date]) -> None:
    row = {PARENT: LINE._asdict(), BODY: TRAFFIC, REQUESTED_AT: requested_at}

    told = LINE_USAGE.to_contracts(row, FreebitVocabulary())

    assert [each.used_on for each in told if isinstance(each, SimUsage)] == days


@pytest.mark.parametrize(("now", "first"), [(BEFORE_MIDNIGHT, "20261201"), (AFTER_MIDNIGHT, "20270101")])
def test_a_plan_changes_on_the_first_of_japans_next_month(
    now: datetime, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_line, "now_in", now.astimezone)
    for name, value in {"BASE_URL": "http://127.0.0.1:1", "OEM_ID": "x", "OEM_KEY": "x"}.items():
        monkeypatch.setenv(f"FREEBIT_{name}", value)
    # The step looks at the clock and at whose it is, and at nothing else.
    work = Work(command=None, input=PlanChange(plan_code="SIM_10G"), clients=Clients(), connection=None)  # type: ignore[arg-type]

    assert change_line.choose_day(work) == change_line.ChosenDay(first)
