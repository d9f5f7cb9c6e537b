"""Whole rows as the vendors document them, and all that each of them means: both written down, neither computed."""

from tests.domain.literals import billing, catalog, customers, orders, services, support
from tests.domain.literals.literal import Labels, Literal

LITERALS: tuple[Literal, ...] = (
    *customers.LITERALS,
    *catalog.LITERALS,
    *orders.LITERALS,
    *services.LITERALS,
    *billing.LITERALS,
    *support.LITERALS,
)
LABELS: tuple[Labels, ...] = (
    *customers.LABELS,
    *catalog.LABELS,
    *orders.LABELS,
    *services.LABELS,
    *billing.LABELS,
    *support.LABELS,
)
