"""Numbers that fit the columns they are stored in."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

_WHOLE = 10**14 - 1

Amount = Annotated[Decimal, Field(gt=-_WHOLE, lt=_WHOLE)]
"""Money, a rate or a quantity: finite, exact, fourteen digits before the point (numeric(18, 4))."""

# `11,00` and `1,1,00` may mean more than one amount; a currency's sign is a claim that no field we read makes.
_BY_THOUSANDS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


def _without_commas(sent: object) -> object:
    if isinstance(sent, str) and "," in sent and _BY_THOUSANDS.fullmatch(sent.strip()):
        return sent.replace(",", "")
    return sent


def _zero_if_empty(sent: object) -> object:
    return 0 if sent is None or (isinstance(sent, str) and not sent.strip()) else _without_commas(sent)


AmountSent = Annotated[Amount, BeforeValidator(_without_commas)]
"""An amount as WHMCS sends it: a number, or its text, possibly as people read it (`1,100.00`)."""

AmountOrZero = Annotated[Amount, BeforeValidator(_zero_if_empty)]
"""The same of what is added or taken off: none is zero."""

Kilobytes = Annotated[int, Field(ge=0, lt=2**63)]

Small = Annotated[int, Field(ge=-(2**31), lt=2**31)]
