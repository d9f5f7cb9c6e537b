"""The three systems, as arguments of commands."""

from enum import StrEnum


class System(StrEnum):
    SALESFORCE = "salesforce"
    WHMCS = "whmcs"
    FREEBIT = "freebit"
