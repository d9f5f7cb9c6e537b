"""What a person may do for a customer."""

from typing import Literal

AccountRole = Literal["owner", "billing", "technical", "read_only"]

OWNER: tuple[AccountRole, ...] = ("owner",)
"""Who may end what the customer pays for, and prove who the customer is."""
BILLING: tuple[AccountRole, ...] = ("owner", "billing")
"""Who may do what costs money, and change where bills go."""
TECHNICAL: tuple[AccountRole, ...] = ("owner", "technical")
"""Who may change how a line works."""
WRITING: tuple[AccountRole, ...] = ("owner", "billing", "technical")
"""Everybody who may ask for anything at all."""
