"""API versions: which there are, which are retired, and which still have SOAP's login().

Sources: "API End-of-Life Policy" (21.0 to 30.0 answer 410:GONE since Summer '25), "SOAP API End-of-Life Policy" (500
UNSUPPORTED_API_VERSION), release note "SOAP API login() not available in API version 65.0 onwards".
"""

from sandbox.salesforce.errors import SalesforceError, not_found

OLDEST, NEWEST = 31, 66
_OLDEST_EVER = 7
_LAST_WITH_LOGIN = 64
_SEASONS = ("Spring", "Summer", "Winter")  # three a year; a Winter release is named for the year after


def check(version: str) -> None:
    """Raises SalesforceError: GONE for a retired version, NOT_FOUND for one that never was or is not yet."""
    number = float(version)
    if _OLDEST_EVER <= number < OLDEST:
        raise SalesforceError(410, "GONE", f"API version {version} is retired. Use a supported version.")
    if not number.is_integer() or not OLDEST <= number <= NEWEST:
        raise not_found()


def has_login(version: str) -> bool:
    """Whether SOAP's login() can be called in this version."""
    return OLDEST <= float(version) <= _LAST_WITH_LOGIN


def every() -> list[dict[str, str]]:
    """What /services/data answers: every version that may be used, oldest first."""
    return [
        {"version": f"{number}.0", "label": _label(number), "url": f"/services/data/v{number}.0"}
        for number in range(OLDEST, NEWEST + 1)
    ]


def _label(number: int) -> str:
    season = _SEASONS[number % 3]
    return f"{season} '{number // 3 + (4 if season != 'Winter' else 5):02d}"
