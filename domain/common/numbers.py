"""Numbers that fit the columns they are stored in."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

_WHOLE = 10**14 - 1

Amount = Annotated[Decimal, Field(gt=-_WHOLE, lt=_WHOLE)]
"""Money, a rate or a quantity: finite, exact, fourteen digits before the point (numeric(18, 4))."""

Kilobytes = Annotated[int, Field(ge=0, lt=2**63)]

Small = Annotated[int, Field(ge=-(2**31), lt=2**31)]
