"""Salesforce ids made of (key prefix, number), and back."""

PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "Case": "500",
    "CaseComment": "00a",
    "ContentVersion": "068",
    "SIM_Inventory__c": "a01",
    "Opportunity": "006",
    "Order": "801",
    "OrderItem": "802",
    "Product2": "01t",
    "Pricebook2": "01s",
    "PricebookEntry": "01u",
    "User": "005",
    "Organization": "00D",
}
_INSTANCE = "5i0000"  # where the org lives, and a reserved place
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def salesforce_id(kind: str, number: int) -> str:
    """The 18-character id of the `number`-th record (0-based); ids sort as their numbers do (in ASCII order)."""
    serial = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        serial = _DIGITS[digit] + serial
    short = PREFIXES[kind] + _INSTANCE + serial
    return short + case_suffix(short)


def case_suffix(short: str) -> str:
    """The three check characters of a 15-character id (reference/salesforce.md §4.1)."""
    return "".join(
        _CHECK[sum(1 << bit for bit, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")]
        for start in (0, 5, 10)
    )


def number_of(kind: str, record_id: str) -> int | None:
    """The number inside a 15- or 18-character id, None when it is not one of ours of this kind."""
    head = PREFIXES[kind] + _INSTANCE
    if len(record_id) not in {15, 18} or not record_id.startswith(head):
        return None
    short = record_id[:15]
    if len(record_id) == 18 and record_id[15:] != case_suffix(short):
        return None
    number = 0
    for char in short[len(head) :]:
        if char not in _VALUES:
            return None
        number = number * 62 + _VALUES[char]
    return number
