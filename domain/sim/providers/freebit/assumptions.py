"""What we take for granted of Freebit's answers: no public specification exists (reference, section 0).

Whoever holds the vendor's documents corrects the field names here and in raw.py, and nothing else.
"""

from collections.abc import Mapping

from domain.sim.contract import ContractLine, LineStatus, SimType

YES, NO = "10", "20"
"""How Freebit says yes and no (attested)."""

STATES: Mapping[str, LineStatus] = {
    "active": "active",
    "suspended": "suspended",
    "temporary": "pending",
    "waiting": "pending",
    "obsolete": "cancelled",
}
SIZES: Mapping[str, SimType] = {"standard": "standard", "micro": "micro", "nano": "nano", "esim": "esim"}
CONTRACT_LINES: Mapping[str, ContractLine] = {"4G": "4G", "5G": "5G"}

RECENT_DAYS_FROM = 1
"""`inRecentDays` starts with yesterday."""
