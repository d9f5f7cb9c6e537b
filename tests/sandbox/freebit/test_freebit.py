import json
from typing import Any

import pytest

from sandbox.asgi import Request


def _pair(answer: dict[str, Any]) -> str:
    return f"{answer['resultCode']}-{answer['status']['statusCode']}"


def _detail(freebit: Any, account: object, key: str, **more: object) -> Any:
    asked = {"authKey": key, "version": "2", "requestDatas": [{"kind": "MVNO", "account": account}], **more}
    return freebit.call("master/getDetail/", asked)


@pytest.mark.parametrize(
    ("path", "document", "pair"),
    [
        ("authOem/", [], "400-101"),
        ("authOem/", {"oemId": "sandbox-oem"}, "400-201"),
        ("authOem/", {"oemId": "sandbox-oem", "oemKey": "wrong"}, "401-002"),
        ("master/getDetail/", {"requestDatas": []}, "401-001"),
        ("mvno/getTrafficInfo/", {"authKey": "0" * 32, "account": "09000000000"}, "401-001"),
    ],
)
def test_a_call_without_a_good_key_fails_with_its_pair(freebit: Any, path: str, document: object, pair: str) -> None:
    assert _pair(freebit.call(path, document)) == pair


@pytest.mark.parametrize(
    ("path", "document", "pair"),
    [
        ("master/getDetail/", {}, "400-201"),
        ("master/getDetail/", {"requestDatas": "x"}, "400-202"),
        ("master/getDetail/", {"requestDatas": [{"kind": "MVNO"}]}, "400-201"),
        ("master/getDetail/", {"requestDatas": [{"kind": "SIM", "account": "09000000000"}]}, "400-202"),
        ("master/getDetail/", {"requestDatas": [{"kind": "MVNO", "account": "090-0000-0000"}]}, "400-202"),
        ("master/getDetail/", {"requestDatas": [{"kind": "MVNO", "account": "09000000000"}]}, "400-210"),
        ("mvno/getTrafficInfo/", {}, "400-201"),
        ("mvno/getTrafficInfo/", {"account": 9000000000}, "400-202"),
        ("mvno/getQuotaHistory/", {"account": "09000000000", "fromDate": "2025-1-1", "toDate": "20251231"}, "400-202"),
        ("mvno/getQuotaHistory/", {"account": "09000000000", "fromDate": "20260101", "toDate": "20251231"}, "400-202"),
    ],
)
def test_the_key_is_checked_first_then_fields_then_forms_then_the_account(
    freebit: Any, path: str, document: dict[str, object], pair: str
) -> None:
    assert _pair(freebit.call(path, {**document, "authKey": freebit.key()})) == pair
    assert _pair(freebit.call(path, document)) == "401-001"


def test_a_json_body_is_no_form_field_and_a_path_needs_its_slash(freebit: Any) -> None:
    body = json.dumps({"oemId": "sandbox-oem", "oemKey": "sandbox-oem-key"}).encode()
    headers = {"content-type": "application/json"}

    refused = freebit.emulator.answer(Request("POST", "/emptool/api/authOem/", "", headers, body, "192.0.2.7"))
    missing = freebit.emulator.answer(Request("POST", "/emptool/api/authOem", "", headers, body, "192.0.2.7"))

    assert _pair(json.loads(refused.body)) == "400-101"
    assert missing.status == 404


def test_a_multipart_form_will_do(freebit: Any) -> None:
    document = json.dumps({"oemId": "sandbox-oem", "oemKey": "sandbox-oem-key"})
    body = f'--B\r\nContent-Disposition: form-data; name="json"\r\n\r\n{document}\r\n--B--\r\n'.encode()
    headers = {"content-type": "multipart/form-data; boundary=B"}

    answer = freebit.emulator.answer(Request("POST", "/emptool/api/authOem/", "", headers, body, "192.0.2.7"))

    assert json.loads(answer.body)["resultCode"] == "100"


def test_a_key_dies_after_an_hour_and_a_newer_one_does_not_end_it_before(freebit: Any) -> None:
    first, account = freebit.key(), freebit.world.line(0).msisdn
    freebit.state.clock.advance(59 * 60)
    second = freebit.key()

    assert _detail(freebit, account, first)["resultCode"] == "100"
    freebit.state.clock.advance(2 * 60)
    assert _pair(_detail(freebit, account, first)) == "401-001"
    assert _detail(freebit, account, second)["resultCode"] == "100"


def test_a_reset_ends_every_key(freebit: Any) -> None:
    key = freebit.key()

    freebit.state.reset()

    assert _pair(_detail(freebit, freebit.world.line(0).msisdn, key)) == "401-001"


def test_traffic_of_a_cancelled_line_is_refused(freebit: Any) -> None:
    lines = (freebit.world.line(n) for n in range(len(freebit.world.sim_index)))
    closed = next(line for line in lines if line.state == "obsolete" and line.in_freebit)

    answer = freebit.call("mvno/getTrafficInfo/", {"authKey": freebit.key(), "account": closed.msisdn})

    assert _pair(answer) == "400-212"


def test_details_say_what_the_line_is_with_flags_and_numbers_as_texts(freebit: Any) -> None:
    key, line = freebit.key(), freebit.world.line(0)

    for path in ("master/getDetail/", "mvno/getDetail/"):
        asked = {"authKey": key, "requestDatas": [{"kind": "MVNO", "account": line.msisdn}]}
        row = freebit.call(path, asked)["responseDatas"][0]
        assert (row["account"], row["state"], row["planCode"]) == (line.msisdn, line.state, line.plan.plan_code)
        assert row["quota"] == str(line.remaining_kb)
        assert {row["sms"], row["talk"]} <= {"10", "20"}


def test_some_lines_do_not_say_whether_their_options_are_on(freebit: Any) -> None:
    unknown = [n for n in range(len(freebit.world.sim_index)) if freebit.world.line(n).voicemail is None]
    line = next(freebit.world.line(n) for n in unknown if freebit.world.line(n).in_freebit)

    row = _detail(freebit, line.msisdn, freebit.key())["responseDatas"][0]

    assert {"voicemail", "callwaiting", "worldwing"}.isdisjoint(row)


def test_yesterdays_traffic_is_what_today_was_once_the_clock_has_moved_on(freebit: Any) -> None:
    line = next(line for n in range(50) if (line := freebit.world.line(n)).state == "active" and line.in_freebit)

    def traffic() -> dict[str, str]:
        asked = {"authKey": freebit.key(), "account": line.msisdn}
        return freebit.call("mvno/getTrafficInfo/", asked)["traffic"]

    before = traffic()
    freebit.state.clock.advance(24 * 3600)

    assert traffic()["inRecentDays"].split(",")[0] == before["today"]


def test_injected_usage_counts_on_top(freebit: Any) -> None:
    line = next(line for n in range(50) if (line := freebit.world.line(n)).state == "active" and line.in_freebit)
    asked = {"authKey": freebit.key(), "account": line.msisdn}
    before = int(freebit.call("mvno/getTrafficInfo/", asked)["traffic"]["today"])

    body = json.dumps({"date": freebit.emulator.lines.today().isoformat(), "kb": 123}).encode()
    freebit.emulator.answer(Request("POST", f"/_emu/accounts/{line.msisdn}/usage", "", {}, body, "192.0.2.7"))

    assert int(freebit.call("mvno/getTrafficInfo/", asked)["traffic"]["today"]) == before + 123


def test_quota_history_is_newest_first_within_the_days_asked_and_adds_up(freebit: Any) -> None:
    key, found = freebit.key(), 0
    for number in range(30):
        line = freebit.world.line(number)
        if not line.in_freebit:
            continue
        asked = {"authKey": key, "account": line.msisdn, "fromDate": "20200101", "toDate": "20991231"}
        answer = freebit.call("mvno/getQuotaHistory/", asked)
        rows = answer["quotaHistory"]
        found += len(rows)
        assert answer["count"] == str(len(rows))
        assert answer["total"] == str(sum(int(row["quota"]) for row in rows))
        assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert found


def test_a_changed_line_answers_with_the_change(freebit: Any) -> None:
    line = freebit.world.line(0)
    freebit.state.overlay.put("freebit", "line", line.msisdn, {"planCode": "SIM_50G"})

    assert _detail(freebit, line.msisdn, freebit.key())["responseDatas"][0]["planCode"] == "SIM_50G"
