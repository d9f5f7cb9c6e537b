import re

from bench.question import script


def test_every_parameter_of_the_apis_question_is_filled_in() -> None:
    text = script(customers=7)

    assert not re.search(r"\$\d", text)
    assert "random(1, 7)" in text
    assert text.index("set_config") < text.index("FROM hub.invoices")
