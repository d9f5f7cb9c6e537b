"""Salesforce's errors, in the words and statuses of the vendor (salesforce.md, section 2.3)."""


class SalesforceError(Exception):
    """One entry of the JSON array in which REST answers report a failure.

    `status` is the HTTP status; `code` is sent as `errorCode` (`statusCode` inside collections).
    """

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields

    def as_rest(self) -> dict[str, object]:
        body: dict[str, object] = {"message": self.message, "errorCode": self.code}
        return body | ({"fields": list(self.fields)} if self.fields else {})

    def as_collection(self) -> dict[str, object]:
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    return SalesforceError(404, "NOT_FOUND", message)


def session_invalid() -> SalesforceError:
    return SalesforceError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def malformed_id(value: str) -> SalesforceError:
    return SalesforceError(400, "MALFORMED_ID", f"malformed id {value}", ("Id",))


def entity_is_deleted() -> SalesforceError:
    return SalesforceError(404, "ENTITY_IS_DELETED", "entity is deleted")


def invalid_type(name: str) -> SalesforceError:
    return SalesforceError(
        400,
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the"
        " '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def invalid_field(name: str, entity: str) -> SalesforceError:
    return SalesforceError(
        400,
        "INVALID_FIELD",
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append"
        " the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate"
        " names.",
    )


def invalid_relationship(name: str, path: str) -> SalesforceError:
    return SalesforceError(
        400,
        "INVALID_FIELD",
        f"Didn't understand relationship '{name}' in field path '{path}'. If you are attempting to use a custom"
        " relationship, be sure to append the '__r' after the custom relationship name.",
    )


def malformed_query(soql: str, offset: int, problem: str) -> SalesforceError:
    """The statement's line, a caret under the culprit, and its row and column (both from 1)."""
    row = soql.count("\n", 0, offset) + 1
    start = soql.rfind("\n", 0, offset) + 1
    line = soql[start:].partition("\n")[0]
    column = offset - start
    message = f"\n{line}\n{' ' * column}^\nERROR at Row:{row}:Column:{column + 1}\n{problem}"
    return SalesforceError(400, "MALFORMED_QUERY", message)
