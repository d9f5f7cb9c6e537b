"""Which passwords may be chosen: long ones, of whatever characters, that are not tried first."""

import pytest

from read_api.auth.passwords import normal, objection

WIDE = "".join(chr(ord(each) + 0xFEE0) for each in "password")
EMAIL = "taro.yamada.of.acme@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "               !",
        "ひらがなだけのとてもながいことば",
        "🐎" * 7 + "🔋" * 8,
        "onlylowercaseletterswithoutanything",
        "x9" * 2 + " a thousand characters " + "lorem ipsum " * 80,
        "1029384756 564738 29 10",
    ],
)
def test_length_is_what_counts(password: str) -> None:
    assert objection(password, EMAIL) is None


@pytest.mark.parametrize("password", ["", "short", "14 characters!", "ば" * 14, "e\u0301" * 14])
def test_fewer_than_fifteen_characters_are_too_few_however_they_are_written(password: str) -> None:
    assert "at least 15 characters" in (objection(password, EMAIL) or "")


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "PasswordPassword",
        "password123456789",
        "qwertyuiop12345",
        "1qaz2wsx3edc4rfv",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "12345678901234567890",
        "abcdefghijklmnopqrs",
        "zyxwvutsrqponmlkjih",
        WIDE * 2,
        EMAIL,
        EMAIL.upper(),
        EMAIL.partition("@")[0],
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    assert objection(password, EMAIL) is not None


def test_a_thousand_characters_are_the_most() -> None:
    assert objection("lorem ipsum " * 90, EMAIL) == "must have at most 1000 characters"


def test_one_password_is_one_however_it_was_typed() -> None:
    assert normal("Gro\u0308ße") == normal("Größe")
    assert normal(WIDE) == "password"
    assert normal("Pass") != normal("pass")
