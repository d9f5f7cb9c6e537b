"""Who the customer is in the systems that sell and bill."""

from typing import Any

from pipelines.commands.saga import Work


def account_of(work: Work[Any]) -> str:
    """The customer's Salesforce Account id.

    Raises:
        RefusalError: it has none.
    """
    return work.account_in("salesforce", "The customer has no account in the CRM.")


def client_of(work: Work[Any]) -> str:
    """The customer's WHMCS client id.

    Raises:
        RefusalError: it has none.
    """
    return work.account_in("whmcs", "The customer has no billing account.")
