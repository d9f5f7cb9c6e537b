"""Cases as Salesforce sends them (source: Object Reference)."""

from pydantic import Field

from domain.common.salesforce import Instant, RawRecord, SalesforceId
from domain.common.text import Text


class RawCase(RawRecord):
    """A Case. One that came by mail or from the web has no account until an agent gives it one."""

    account: SalesforceId | None = Field(None, alias="AccountId")
    number: Text = Field(None, alias="CaseNumber")
    subject: Text = Field(None, alias="Subject")
    description: Text = Field(None, alias="Description")
    status: str | None = Field(None, alias="Status")
    priority: str | None = Field(None, alias="Priority")
    type: Text = Field(None, alias="Type")
    origin: Text = Field(None, alias="Origin")
    is_closed: bool = Field(False, alias="IsClosed")
    created: Instant = Field(alias="CreatedDate")
    closed: Instant | None = Field(None, alias="ClosedDate")


class RawCaseComment(RawRecord):
    """A CaseComment, with its case's account and the name its author logs in by."""

    case: SalesforceId = Field(alias="ParentId")
    account: SalesforceId | None = Field(None, alias="Parent.AccountId")
    author: str | None = Field(None, alias="CreatedById")
    author_name: str | None = Field(None, alias="CreatedBy.Username")
    body: Text = Field(None, alias="CommentBody")
    is_published: bool = Field(False, alias="IsPublished")
    created: Instant = Field(alias="CreatedDate")
