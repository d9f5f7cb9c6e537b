"""A number that was given out again: whose the line is, is shown and changed only once the network says so.

Source: a number given up is given out again, and accounts keyed by number leak to its new owner
(element-hq/element-meta#1614); WHMCS keeps the number on the service of the one before, suspended.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from core.settings import ApiSettings
from pipelines.datasets import DATASETS, dataset_named
from pipelines.sources.connect import source_of
from pipelines.sources.whmcs.php import custom_fields
from pipelines.sync.dataset import Selection
from pipelines.sync.reconcile import reconcile
from pipelines.sync.reread import Rereader
from pipelines.sync.status import statuses
from read_api.auth.tokens import mint
from read_api.live.follower import CAUGHT_UP_SECONDS
from tests.pipelines.commands.conftest import Customer, Hub
from tests.serving import KEY, served_api
from tests.waiting import until

SIM_NUMBER, SERIAL, EID = 301, 304, 305
FROM_THE_NETWORK = (
    "status", "planCode", "planName", "simType", "iccid", "imsi", "networkType", "hasVoice", "hasSms",
    "voiceMailEnabled", "callWaitingEnabled", "internationalRoamingEnabled", "remainingQuotaKb", "remainingQuotaMb",
    "startDate", "pendingOperation", "pendingDate", "detailsAsOf", "usageAsOf",
)  # fmt: skip
HER_ICCID, HER_EID = "8981100000000000777", "8" * 32
CHANGES = {
    "top-ups": {"megabytes": 1000},
    "plan-changes": {"planCode": "SIM_50G"},
    "voice-options": {"voiceMail": True},
    "network-changes": {"network": "5G"},
    "reissues": {"eid": "7" * 32},
    "cancellations": {"month": "2031-06"},
}


@dataclass(frozen=True)
class Line:
    """A line as the hub knows it, and its customer."""

    id: UUID
    service: str
    number: str
    customer: UUID


class Api:
    """The read API, as the portal calls it for a customer."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)

    def close(self) -> None:
        self._http.close()

    def get(self, line: Line, path: str = "", **headers: str) -> httpx.Response:
        return self._http.get(f"/api/sims/{line.id}{path}", headers=_bearer(line) | headers)

    def shown(self, line: Line) -> dict[str, Any]:
        found: dict[str, Any] = self.get(line).json()["data"]
        return found

    def listed(self, line: Line) -> dict[str, Any]:
        found = self._http.get("/api/sims?limit=100", headers=_bearer(line)).json()["data"]
        return next(each for each in found if each["id"] == str(line.id))

    def usage(self, line: Line) -> dict[str, Any]:
        found: dict[str, Any] = self.get(line, "/usage").json()["data"]
        return found

    def tagged(self, line: Line) -> str:
        """The tag of the list that the customer's client keeps: there is one once the log is followed."""
        found: str = until(lambda: self._http.get("/api/sims", headers=_bearer(line)).headers.get("etag"))
        return found

    def is_unchanged(self, line: Line, tag: str) -> bool:
        """Whether the client is told that what it keeps is as it was."""
        answer = self._http.get("/api/sims", headers=_bearer(line) | {"If-None-Match": tag})
        return answer.status_code == 304

    def changes_soon(self, line: Line, tag: str) -> bool:
        """Whether it is told otherwise as soon as a change is seen in the log, which is later than it commits."""
        deadline = time.monotonic() + CAUGHT_UP_SECONDS
        while time.monotonic() < deadline:
            if not self.is_unchanged(line, tag):
                return True
        return False

    def ask(self, line: Line, change: str, key: str | None = None) -> httpx.Response:
        headers = _bearer(line) | {"Idempotency-Key": key or uuid4().hex}
        return self._http.post(f"/api/sims/{line.id}/{change}", json=CHANGES[change], headers=headers)


def _bearer(line: Line) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), line.customer)}"}


@pytest.fixture
def api(hub: Hub) -> Iterator[Api]:
    hub.sync("freebit.line_usage")
    with served_api(hub.database) as url:
        opened = Api(url)
        yield opened
        opened.close()


def lines(hub: Hub) -> tuple[Line, Line]:
    """Lines in service with a card, of two customers who can pay."""
    found = hub.rows(
        "SELECT DISTINCT ON (a.customer_id) s.id, s.source_id, s.msisdn, a.customer_id FROM hub.sims s"
        " JOIN hub.customer_accounts a ON a.id = s.account_id"
        " JOIN hub.customers c ON c.id = a.customer_id AND c.salesforce_account_id IS NOT NULL"
        " WHERE EXISTS (SELECT FROM hub.payment_methods p WHERE p.account_id = s.account_id"
        "               AND p.type = 'credit_card' AND p.card_last_four <> '0002')"
        " AND s.is_open AND s.status = 'active' AND s.iccid IS NOT NULL AND s.has_voice AND s.sim_type <> 'esim'"
        " ORDER BY a.customer_id, s.id"
    )
    his, hers = (Line(*row) for row in found[:2])
    return his, hers


def agent_writes(hub: Hub, line: Line, fields: dict[int, str] | None = None, **changes: str) -> None:
    if fields is not None:
        changes["customfields"] = custom_fields(fields)
    hub.clients.whmcs.change("UpdateClientProduct", serviceid=line.service, **changes)


def network_says(hub: Hub, number: str, **fields: object) -> None:
    hub.control("mutate", system="freebit", object="line", id=number, fields={"iccid": HER_ICCID, **fields})


def given_out_again(hub: Hub, his: Line, hers: Line, *, written: str | None = None, **network: object) -> None:
    """His service is suspended and keeps the number, which hers has now; the network knows her card under it."""
    agent_writes(hub, his, status="Suspended")
    agent_writes(hub, hers, {SIM_NUMBER: written or his.number})
    network_says(hub, his.number, **network)


def moved_to(hub: Hub, line: Line, service: str) -> None:
    """An agent gives another client's service to the client of `line`."""
    ((client,),) = hub.rows(
        "SELECT a.source_id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id WHERE s.id = %s",
        line.id,
    )
    hub.control("mutate", system="whmcs", object="service", id=int(service), fields={"clientid": int(client)})


def withheld(shown: dict[str, Any]) -> bool:
    return all(shown[name] is None for name in FROM_THE_NETWORK) and shown["isDisputed"]


def told_to_operators(hub: Hub) -> list[str]:
    rows = hub.rows("SELECT source_id FROM sync.quarantine WHERE dataset = 'sim.numbers' AND resolved_at IS NULL")
    return sorted(row[0] for row in rows)


def effects(hub: Hub) -> list[str]:
    """What was done at the network, and billed."""
    kinds = {"invoice", "charge", "cancel_request"}
    return [effect["kind"] for effect in hub.ledger() if effect["system"] == "freebit" or effect["kind"] in kinds]


def claims(hub: Hub, *lines: Line) -> list[str]:
    found = dict(hub.rows("SELECT id, number_claim FROM hub.sims"))
    return [found[line.id] for line in lines]


def ask(hub: Hub, kind: str, line: Line, what: dict[str, Any]) -> UUID:
    """Accepted while nothing was wrong."""
    return hub.ask(kind, Customer(line.customer, "", ""), what, subject=("sims", line.id), system="whmcs")


def has_details(hub: Hub, line: Line) -> bool:
    ((iccid, as_of),) = hub.rows("SELECT iccid, details_as_of FROM hub.sims WHERE id = %s", line.id)
    return iccid is not None and as_of is not None


def test_a_number_given_out_again_shows_and_changes_nobody_elses_line(hub: Hub, api: Api) -> None:
    his, hers = lines(hub)
    assert api.shown(his)["iccid"]
    before = ask(hub, "cancel_sim", his, CHANGES["cancellations"])
    given_out_again(hub, his, hers, eid=HER_EID)

    hub.sync("whmcs.services")

    # At once, whatever was stored: neither is shown, neither takes a command, both are told.
    for line in (his, hers):
        assert withheld(api.shown(line))
        assert withheld(api.listed(line))
        assert (api.usage(line)["todayUsageKb"], api.usage(line)["recentDaysUsage"]) == (None, [])
        for change in CHANGES:
            answer = api.ask(line, change)
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/number-disputed"), change
    assert told_to_operators(hub) == sorted([his.service, hers.service])

    # What he asked for before is refused when it is to be done, and the network is not called.
    assert hub.forward() == ["failed"]
    assert hub.command(before)["failure_code"] == "NUMBER_DISPUTED"
    assert effects(hub) == []

    # The network names her chip, which her service gets: the line is hers, and only hers.
    agent_writes(hub, hers, {EID: HER_EID})
    hub.sync("whmcs.services")
    hub.apply()

    assert (api.shown(hers)["iccid"], api.shown(hers)["isDisputed"]) == (HER_ICCID, False)
    assert api.usage(hers)["usageAsOf"]
    assert withheld(api.shown(his))
    assert api.usage(his)["recentDaysUsage"] == []
    assert told_to_operators(hub) == [his.service]
    assert api.ask(hers, "top-ups").status_code == 202
    assert api.ask(his, "cancellations").status_code == 409
    assert hub.forward() == ["succeeded"]
    assert effects(hub) == ["invoice", "charge", "quota"]

    # His service ends: nothing is left to contradict.
    agent_writes(hub, his, status="Terminated")
    hub.sync("whmcs.services")
    hub.apply()

    assert told_to_operators(hub) == []
    assert api.shown(hers)["iccid"] == HER_ICCID
    assert not any(api.shown(his)[name] for name in FROM_THE_NETWORK)


def test_what_a_client_kept_of_the_line_is_no_longer_said_to_be_unchanged(hub: Hub, api: Api) -> None:
    his, hers = lines(hub)
    kept = api.tagged(his)
    assert api.is_unchanged(his, kept)
    given_out_again(hub, his, hers)

    hub.sync("whmcs.services")

    assert api.changes_soon(his, kept)


def test_the_lines_past_does_not_tell_what_its_present_withholds(hub: Hub) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers)
    with psycopg.connect(hub.database.owner) as connection:
        ((at,),) = connection.execute("SELECT now()").fetchall()

    hub.sync("whmcs.services")

    with psycopg.connect(hub.database.api) as connection:
        connection.execute("SELECT set_config('hub.customer_id', %s, true)", [str(his.customer)])
        past = connection.execute("SELECT was FROM hub.earlier('sims', %s) WHERE id = %s", [at, his.id]).fetchall()
        days = connection.execute(
            "SELECT count(*) FROM hub.sim_usage WHERE deleted_at IS NULL AND sim_id = %s", [his.id]
        )
        assert days.fetchone() == (0,)
    assert past == [({"number_claim": "undisputed"},)]


@pytest.mark.parametrize("written", ["+81 {0}-{1}-{2}", "0{0}-{1}-{2}", "0081{0}{1}{2}", "\uff10{0}\u2010{1}\u30fc{2}"])
def test_a_number_is_the_same_however_it_is_written(hub: Hub, written: str) -> None:
    his, hers = lines(hub)
    national = his.number[1:]
    given_out_again(hub, his, hers, written=written.format(national[:2], national[2:6], national[6:]))

    hub.sync("whmcs.services")

    assert claims(hub, his, hers) == ["disputed", "disputed"]


def test_a_customer_who_has_the_number_twice_has_two_services_of_which_one_has_the_line(hub: Hub) -> None:
    his, hers = lines(hub)
    moved_to(hub, his, hers.service)
    given_out_again(hub, his, hers)

    hub.sync("whmcs.services")

    assert claims(hub, his, hers) == ["disputed", "disputed"]
    assert len(hub.rows("SELECT DISTINCT account_id FROM hub.sims WHERE id = ANY(%s)", [his.id, hers.id])) == 1


def test_while_nothing_proves_a_line_it_is_asked_for_and_stays_withheld(hub: Hub) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers)
    hub.sync("whmcs.services")

    hub.apply()
    hub.sync("freebit.line_details", "freebit.line_usage")

    assert claims(hub, his, hers) == ["disputed", "disputed"]
    assert [has_details(hub, line) for line in (his, hers)] == [False, False]
    assert told_to_operators(hub) == sorted([his.service, hers.service])


def test_when_the_old_service_ends_the_line_that_is_left_works_again_by_itself(hub: Hub) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers)
    hub.sync("whmcs.services")
    hub.apply()
    agent_writes(hub, his, status="Terminated")

    hub.sync("whmcs.services")
    hub.apply()

    assert (claims(hub, his, hers), has_details(hub, hers)) == (["undisputed", "undisputed"], True)
    assert (has_details(hub, his), told_to_operators(hub)) == (False, [])
    command = ask(hub, "top_up", hers, {"megabytes": 1000})
    assert hub.forward() == ["succeeded"], hub.command(command)


def test_operators_are_told_where_they_look_and_a_dispute_is_no_drift(hub: Hub) -> None:
    his, hers = lines(hub)
    agent_writes(hub, hers, {EID: HER_EID})
    given_out_again(hub, his, hers, eid=HER_EID)
    hub.sync("whmcs.services")
    hub.apply()
    hub.sync("freebit.line_details", "freebit.line_usage")

    with psycopg.connect(hub.database.sync) as connection:
        (shown,) = [one for one in statuses(connection, DATASETS) if one.dataset == "freebit.line_details"]
    source = source_of("freebit")
    drifts = [
        drift
        for name in ("freebit.line_details", "freebit.line_usage")
        for drift in reconcile(dataset_named(name), source, hub.database.sync)
    ]
    source.client.close()

    reason = "several open services have the number, and the network has not shown that it is this one's"
    assert (shown.quarantined, shown.quarantine_reasons) == (1, {reason: 1})
    assert [(drift.table, drift.missing, drift.different) for drift in drifts if not drift.agrees] == []


def test_when_its_number_changes_a_line_leaves_the_dispute(hub: Hub) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers)
    hub.sync("whmcs.services")
    agent_writes(hub, hers, {SIM_NUMBER: hers.number})

    hub.sync("whmcs.services")
    hub.apply()

    assert claims(hub, his, hers) == ["undisputed", "undisputed"]
    assert all(has_details(hub, line) for line in (his, hers))


def test_details_of_a_closed_line_go_when_its_number_is_somebody_elses(hub: Hub) -> None:
    """They may have been read when the number was given out already: only WHMCS is told of that late."""
    his, hers = lines(hub)
    agent_writes(hub, his, status="Terminated")
    hub.sync("whmcs.services")
    assert has_details(hub, his)
    agent_writes(hub, hers, {SIM_NUMBER: his.number})

    hub.sync("whmcs.services")
    hub.apply()

    assert [has_details(hub, line) for line in (his, hers)] == [False, True]


# -- what proves a line ----------------------------------------------------------------------------------------------


def compact(day: date) -> str:
    return day.strftime("%Y%m%d")


def registered(hub: Hub, line: Line, day: date) -> None:
    agent_writes(hub, line, regdate=day.isoformat())


def test_the_card_that_the_service_has_proves_it(hub: Hub) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers)
    agent_writes(hub, hers, {SERIAL: HER_ICCID})

    hub.sync("whmcs.services")
    hub.apply()

    assert claims(hub, his, hers) == ["disputed", "proven"]


def test_a_chip_that_both_services_have_proves_neither(hub: Hub) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers, eid=HER_EID)
    for line in (his, hers):
        agent_writes(hub, line, {EID: HER_EID})

    hub.sync("whmcs.services")
    hub.apply()

    assert claims(hub, his, hers) == ["disputed", "disputed"]


def test_the_order_that_opened_the_line_proves_the_service_it_became(hub: Hub) -> None:
    his, hers = lines(hub)
    ((order,),) = hub.rows(
        "SELECT o.source_id FROM hub.orders o JOIN hub.order_items i ON i.order_id = o.id"
        " JOIN hub.sims s ON s.subscription_id = i.subscription_id WHERE s.id = %s",
        hers.id,
    )
    given_out_again(hub, his, hers, relationCode=order)

    hub.sync("whmcs.services")
    hub.apply()

    assert claims(hub, his, hers) == ["disputed", "proven"]


@pytest.mark.parametrize(
    ("began", "proven"),
    [
        (timedelta(days=2), "proven"),  # given out again, and opened two days after it was ordered
        (timedelta(days=-300), "disputed"),  # handed on: the line is older than either service shows
        (timedelta(days=-1000), "disputed"),  # began with the old service: handed on, or still his
    ],
)
def test_a_line_that_began_with_the_newer_service_is_that_ones(hub: Hub, began: timedelta, proven: str) -> None:
    his, hers = lines(hub)
    ordered = date(2026, 3, 1)
    registered(hub, his, ordered - timedelta(days=1000))
    registered(hub, hers, ordered)
    given_out_again(hub, his, hers, startDate=compact(ordered + began))

    hub.sync("whmcs.services")
    hub.apply()

    assert claims(hub, his, hers) == ["disputed", proven]


def test_where_chip_and_dates_name_different_lines_neither_is_proven(hub: Hub) -> None:
    his, hers = lines(hub)
    registered(hub, his, date(2020, 3, 1))
    registered(hub, hers, date(2026, 3, 1))
    agent_writes(hub, his, {EID: HER_EID})
    given_out_again(hub, his, hers, startDate="20260302", eid=HER_EID)

    hub.sync("whmcs.services")
    hub.apply()

    assert claims(hub, his, hers) == ["disputed", "disputed"]


def test_what_was_proven_is_judged_anew_when_the_network_names_the_other(hub: Hub) -> None:
    his, hers = lines(hub)
    agent_writes(hub, his, {EID: "9" * 32})
    agent_writes(hub, hers, {EID: HER_EID})
    given_out_again(hub, his, hers, eid=HER_EID)
    hub.sync("whmcs.services")
    hub.apply()
    assert claims(hub, his, hers) == ["disputed", "proven"]
    network_says(hub, his.number, eid="9" * 32)

    hub.sync_records("freebit.line_details", hers.service)
    hub.apply()

    assert claims(hub, his, hers) == ["proven", "disputed"]
    assert [has_details(hub, line) for line in (his, hers)] == [True, False]


# -- between a question and its answer -------------------------------------------------------------------------------


def rereader_of(hub: Hub, name: str, line: Line, meanwhile: Callable[[], None]) -> None:
    """Read a line's data set again, and have something happen after the line was chosen and before it is asked for."""
    source = source_of("freebit")
    ask_there = source.client.account_detail if name == "freebit.line_details" else source.client.traffic

    def answer(number: str) -> Any:
        meanwhile()
        return ask_there(number)

    setattr(source.client, ask_there.__name__, answer)
    with psycopg.connect(hub.database.sync) as connection:
        Rereader(connection, dataset_named(name), source).read(Selection(records=frozenset({line.service})))
    source.client.close()


@pytest.mark.parametrize("name", ["freebit.line_details", "freebit.line_usage"])
def test_an_answer_that_arrives_in_a_dispute_is_not_stored(hub: Hub, name: str) -> None:
    his, hers = lines(hub)
    given_out_again(hub, his, hers)

    rereader_of(hub, name, his, lambda: hub.sync("whmcs.services"))

    assert claims(hub, his, hers) == ["disputed", "disputed"]
    ((found,),) = hub.rows("SELECT to_jsonb(s) FROM hub.sims s WHERE id = %s", his.id)
    assert (found["iccid"], found["today_usage_kb"], found["details_as_of"], found["usage_as_of"]) == (None,) * 4
    assert hub.rows("SELECT 1 FROM hub.sim_usage WHERE sim_id = %s AND deleted_at IS NULL", his.id) == []


def test_an_answer_about_the_number_that_the_line_had_is_not_stored(hub: Hub) -> None:
    his, _ = lines(hub)
    network_says(hub, his.number)

    def renumbered() -> None:
        agent_writes(hub, his, {SIM_NUMBER: "07099999999"})
        hub.sync("whmcs.services")
        # As where the list of what is due is hours old.
        hub.rows("UPDATE hub.sims SET changed_at = now() - interval '1 day' WHERE id = %s RETURNING 1", his.id)

    rereader_of(hub, "freebit.line_details", his, renumbered)

    assert hub.rows("SELECT 1 FROM hub.sims WHERE id = %s AND iccid = %s", his.id, HER_ICCID) == []


def test_two_readers_that_bring_the_number_at_the_same_moment_see_each_other(hub: Hub) -> None:
    his, hers = lines(hub)
    with psycopg.connect(hub.database.sync) as one, psycopg.connect(hub.database.sync) as other:
        one.execute("UPDATE hub.sims SET msisdn = '07099999999' WHERE id = %s", [his.id])
        with ThreadPoolExecutor(1) as threads:
            second = threads.submit(
                other.execute, "UPDATE hub.sims SET msisdn = '07099999999' WHERE id = %s", [hers.id]
            )
            one.commit()
            second.result()
            other.commit()

    assert claims(hub, his, hers) == ["disputed", "disputed"]


# -- what is to be done ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("top_up", "top-ups"), ("change_plan", "plan-changes"), ("change_voice", "voice-options"),
        ("change_network", "network-changes"), ("reissue_esim", "reissues"), ("cancel_sim", "cancellations"),
    ],
)  # fmt: skip
def test_whatever_was_accepted_is_refused_before_the_network_is_called(hub: Hub, kind: str, change: str) -> None:
    his, hers = lines(hub)
    command = ask(hub, kind, his, CHANGES[change])
    given_out_again(hub, his, hers)
    hub.sync("whmcs.services")

    assert hub.forward() == ["failed"]

    assert (hub.command(command)["failure_code"], effects(hub)) == ("NUMBER_DISPUTED", [])


def test_data_that_was_paid_for_when_the_number_was_given_out_waits_for_an_operator(hub: Hub) -> None:
    his, hers = lines(hub)
    hub.control("faults", match="addSpec", mode="drop", times=1)
    command = ask(hub, "top_up", his, {"megabytes": 1000})
    assert hub.forward() == ["waiting"]
    given_out_again(hub, his, hers)
    hub.sync("whmcs.services")
    hub.now_due()

    assert hub.forward() == ["dead"]

    # It was added, but that cannot be known without asking about another one's line: it is neither done nor failed.
    assert hub.command(command)["failure_code"] == "NUMBER_DISPUTED"
    assert effects(hub) == ["invoice", "charge", "quota"]


def test_a_number_that_is_given_out_between_payment_and_data_leaves_the_data_to_an_operator(hub: Hub) -> None:
    his, hers = lines(hub)
    command = ask(hub, "top_up", his, {"megabytes": 1000})
    hub.control("faults", match="CapturePayment", mode="drop", times=1)
    assert hub.forward() == ["waiting"]
    given_out_again(hub, his, hers)
    hub.sync("whmcs.services")
    hub.now_due()

    assert hub.forward() == ["dead"]

    assert hub.command(command)["failure_code"] == "PAID_WITHOUT_QUOTA"
    assert effects(hub) == ["invoice", "charge"]


@pytest.mark.parametrize("moved", ["account", "closed"])
def test_a_line_that_is_no_longer_the_customers_is_not_changed_for_him(hub: Hub, moved: str) -> None:
    his, hers = lines(hub)
    command = ask(hub, "cancel_sim", his, CHANGES["cancellations"])
    if moved == "account":
        moved_to(hub, hers, his.service)
    else:
        agent_writes(hub, his, status="Terminated")
    hub.sync("whmcs.services")

    assert hub.forward() == ["failed"]

    assert (hub.command(command)["failure_code"], effects(hub)) == ("SIM_ACCOUNT_NOT_FOUND", [])


def test_a_subscription_that_is_no_longer_the_customers_is_not_ended_for_him(hub: Hub) -> None:
    his, hers = lines(hub)
    ((subscription,),) = hub.rows("SELECT subscription_id FROM hub.sims WHERE id = %s", his.id)
    who = Customer(his.customer, "", "")
    command = hub.ask("cancel_subscription", who, {}, subject=("subscriptions", subscription), system="whmcs")
    moved_to(hub, hers, his.service)
    hub.sync("whmcs.services")

    assert hub.forward() == ["failed"]

    assert (hub.command(command)["failure_code"], effects(hub)) == ("SUBSCRIPTION_NOT_FOUND", [])
