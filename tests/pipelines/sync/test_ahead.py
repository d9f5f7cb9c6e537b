"""Working ahead: same items, same order, errors where they belong, no thread left behind."""

import threading

import pytest

from pipelines.sync.ahead import ahead


def test_items_come_in_their_order():
    assert list(ahead(iter(range(100)))) == list(range(100))


def test_the_next_item_is_made_while_the_last_one_is_in_hand():
    second_made = threading.Event()

    def items():
        yield 1
        second_made.set()
        yield 2

    made = ahead(items())
    next(made)

    assert second_made.wait(timeout=5)


def test_an_error_arrives_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("broken page")

    made = ahead(items())

    assert next(made) == 1
    with pytest.raises(ValueError, match="broken page"):
        next(made)


def test_closing_early_stops_the_thread():
    made = ahead(iter(range(1_000_000)))
    next(made)

    made.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_no_more_than_one_item_is_ever_made_early():
    made_early = []

    def items():
        for number in range(5):
            made_early.append(number)
            yield number

    made = ahead(items())
    for expected in range(4):
        assert next(made) == expected
        assert len(made_early) <= expected + 2
    made.close()
