"""Codes of authenticator apps, and recovery codes: what is right, however it is typed."""

from base64 import b32encode

import pytest
from cryptography.fernet import Fernet

from core.errors import SettingsError
from core.settings import AuthSettings, load
from read_api.auth.recovery import hash_of, new_codes
from read_api.auth.totp import Seal, new_secret, step_of, uri
from read_api.http.problems.errors import NotSetUpError

OF_THE_RFC = b32encode(b"12345678901234567890").decode()
FIRST, SECOND = "a1" * 32, "B2" * 32


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    """RFC 6238, appendix B: the last six of its eight digits."""
    assert step_of(OF_THE_RFC, code, moment) == moment // 30
    assert step_of(OF_THE_RFC, f"{code[:3]} {code[3:]}", moment) == moment // 30


@pytest.mark.parametrize(
    ("away", "is_right"), [(-60, False), (-30, True), (-1, True), (0, True), (1, True), (30, True), (60, False)]
)
def test_a_clock_may_be_a_step_off_and_no_more(away: int, is_right: bool) -> None:
    assert (step_of(OF_THE_RFC, "005924", 1234567890 + away) is not None) == is_right


@pytest.mark.parametrize(
    "code", ["", "28708", "2870822", "\uff12\uff18\uff17\uff10\uff18\uff12", "287 083", "-87082", "nothing"]
)
def test_what_is_no_code_is_none(code: str) -> None:
    assert step_of(OF_THE_RFC, code, 59) is None


def test_an_app_reads_whose_secret_it_is() -> None:
    secret = new_secret()

    assert len(secret) * 5 == 160
    assert uri(secret, "taro@example.com", "The portal") == (
        f"otpauth://totp/The%20portal:taro%40example.com?secret={secret}&issuer=The%20portal"
    )


def test_what_is_sealed_is_opened_by_its_key_alone() -> None:
    before, rotated, lost = (Seal(AuthSettings(factor_keys=keys)) for keys in (FIRST, f"{SECOND},{FIRST}", SECOND))
    sealed = before.sealed("a secret")

    assert "a secret" not in sealed
    assert rotated.opened(sealed) == "a secret"
    assert lost.opened(rotated.sealed("another")) == "another"
    with pytest.raises(NotSetUpError, match="a key of AUTH_FACTOR_KEYS is missing"):
        lost.opened(sealed)
    with pytest.raises(NotSetUpError, match="a key of AUTH_FACTOR_KEYS is missing"):
        before.opened(Fernet(Fernet.generate_key()).encrypt(b"a secret").decode())
    with pytest.raises(NotSetUpError, match="there is no AUTH_FACTOR_KEYS"):
        Seal(AuthSettings(factor_keys=None)).sealed("a secret")


@pytest.mark.parametrize("keys", ["short", "g1" * 32, f"{FIRST},", f"{FIRST} {SECOND}", f"{FIRST}00"])
def test_a_key_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("AUTH_FACTOR_KEYS", keys)

    with pytest.raises(SettingsError, match="AUTH_FACTOR_KEYS: must be 64 hexadecimal digits") as refused:
        load(AuthSettings)
    assert keys not in str(refused.value)


def test_recovery_codes_are_long_enough_for_a_plain_hash_and_typed_as_one_likes() -> None:
    codes = new_codes()

    assert len({hash_of(code) for code in codes}) == len(codes) == 10
    assert {len(code.replace("-", "")) * 5 for code in codes} == {120}
    first = codes[0]
    assert hash_of(first) == hash_of(first.upper().replace("-", " ")) == hash_of(first.replace("-", ""))
