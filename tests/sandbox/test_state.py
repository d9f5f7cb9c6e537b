"""What the sandbox keeps of changes to its world."""

from datetime import timedelta

from sandbox.state import State

KEY = ("salesforce", "Case", "5000")


def test_a_stamp_that_was_set_is_that_changes_alone() -> None:
    state = State()
    state.overlay.put(*KEY, {"Subject": "first", "SystemModstamp": "2001-01-01T00:00:00.000+0000"})

    changed = state.overlay.put(*KEY, {"Status": "Closed"})

    assert changed.fields == {"Subject": "first", "Status": "Closed"}


def test_a_records_stamps_never_go_back_though_the_clock_does() -> None:
    state = State()
    first = state.overlay.put(*KEY, {"Subject": "first"})
    state.clock.advance(-timedelta(hours=1).total_seconds())

    second, other = state.overlay.put(*KEY, {"Subject": "second"}), state.overlay.put(*KEY[:2], "5001", {})

    assert second.changed_at == first.changed_at
    assert other.changed_at < first.changed_at
