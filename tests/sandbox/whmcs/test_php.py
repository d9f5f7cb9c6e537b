"""PHP's serialised values: what is read, and that anything else is taken for nothing."""

import base64

import pytest

from sandbox.whmcs.php import PhpError, fields_from, unserialized


def test_every_kind_of_value_is_read() -> None:
    data = 'a:6:{i:1;s:9:"日本語";s:1:"k";d:1.5;i:2;b:1;i:3;N;i:4;i:-7;i:5;a:1:{i:0;s:0:"";}}'.encode()

    assert unserialized(data) == {1: "日本語", "k": 1.5, 2: True, 3: None, 4: -7, 5: {0: ""}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"i:1",
        b"i:x;",
        b's:5:"abc";',
        b's:3:"abcd";',
        b"a:1:{i:0;}",
        b"a:1:{i:0;i:1;i:2;i:3;}",
        b"a:1:i:0;",
        b"i:1;i:2;",
        b'O:3:"Foo":0:{}',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(PhpError):
        unserialized(data)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {}),
        ("!!", {}),
        (base64.b64encode(b"i:1;").decode(), {}),
        (base64.b64encode(b's:2:"\xff\xfe";').decode(), {}),
        (base64.b64encode(b'a:3:{i:1;b:1;i:2;N;s:3:"SIM";i:7;}').decode(), {"1": "1", "2": "", "SIM": "7"}),
    ],
)
def test_custom_fields_are_texts_and_what_cannot_be_read_is_none(text: str, fields: dict[str, str]) -> None:
    assert fields_from(text) == fields
