"""What sources send and PostgreSQL cannot hold: NUL, halves of characters, and numbers that are none."""

import json
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from pydantic_core import from_json

from core.storable import storable_dump, storable_json


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        # Half an emoji, where a text was cut at its 255th UTF-16 unit (issue 13, A5).
        (rb'"\ud83d cut"', "\ufffd cut"),
        (rb'"cut \ude00"', "cut \ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        # A backslash and letters, which is no escape of a character.
        (rb'"C:\\ud83d\\u0000"', r"C:\ud83d\u0000"),
        (rb'"a\u0000b"', "ab"),
        (b'"\xed\xa0\xbd"', "\ufffd"),
        (b'\xef\xbb\xbf"with a mark"', "with a mark"),
        ('"山田"'.encode(), "山田"),
    ],
)  # fmt: skip
def test_every_text_comes_out_as_one_that_can_be_stored(sent, kept):
    assert from_json(storable_json(sent)) == json.loads(storable_json(sent)) == kept


def test_an_answer_in_another_charset_is_refused_rather_than_altered():
    sent = b'{"name":"caf\xe9"}'

    with pytest.raises(ValueError, match=r"unicode|codec"):
        from_json(storable_json(sent))
    with pytest.raises(ValueError, match=r"unicode|codec"):
        json.loads(storable_json(sent))


@given(st.recursive(st.text(st.characters(exclude_categories=())) | st.floats(), st.lists))
def test_whatever_a_payload_holds_it_can_be_written_and_read(payload):
    json.loads(storable_dump(payload)).__class__  # noqa: B018 - that it can be read is the point
    storable_dump(payload).encode()


def test_what_is_odd_about_a_payload_is_kept_as_text(database):
    payload = {"name": "half \ud83d", "nul": "a\0b", "number": float("nan"), "amount": Decimal("1.10")}

    with psycopg.connect(database.owner) as connection:
        row = connection.execute("SELECT %s::jsonb", [Jsonb(payload, dumps=storable_dump)]).fetchone()

    assert row == ({"name": "half \ufffd", "nul": "ab", "number": "NaN", "amount": "1.10"},)
