"""Failures by their resultCode-statusCode pair; all but 400-356 are the contract's own numbers."""

MESSAGES = {
    "400-101": "json is missing or malformed",
    "400-201": "required item is missing",
    "400-202": "item is malformed",
    "400-210": "account not found",
    "400-211": "account already exists",
    "400-212": "account is not in service",
    "400-220": "account has no plan",
    "400-221": "account belongs to a share group",
    "400-230": "earlier request in process",
    "400-231": "too early after the last change",
    "400-240": "userConfirmed is not 10",
    "400-241": "talkOption is empty",
    "400-250": "quota is out of range",
    "400-260": "eid is malformed or in use",
    "400-261": "account is no eSIM",
    "400-270": "MNP reservation is missing, unknown or expired",
    "400-280": "unknown plan code",
    "400-356": "unsupported pattern",
    "401-001": "authKey is missing, unknown or expired",
    "401-002": "oemId or oemKey is wrong",
    "500-001": "internal error",
    "503-001": "maintenance",
}


class FreebitError(Exception):
    """The call fails with this pair; `item` names the field at fault."""

    def __init__(self, pair: str, item: str = "") -> None:
        super().__init__(pair)
        self.pair = pair
        self.item = item

    def envelope(self) -> dict[str, object]:
        result, status = self.pair.split("-")
        message = MESSAGES.get(self.pair, "error")
        return {
            "resultCode": result,
            "status": {"message": f"{message}: {self.item}" if self.item else message, "statusCode": status},
        }
