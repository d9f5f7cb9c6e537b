"""Every data set, one declaration each, in the order in which a run reads them."""

from domain.common.identifiers import System
from pipelines.datasets.freebit import LINE_DETAILS, LINE_USAGE
from pipelines.datasets.salesforce import ACCOUNTS, CASE_COMMENTS, CASES, ORDER_ITEMS, ORDERS, PRICES, PRODUCTS
from pipelines.datasets.whmcs import CLIENT_DETAILS, CLIENTS, INVOICE_DETAILS, INVOICES, PAYMENT_METHODS, SERVICES
from pipelines.sync.dataset import Dataset

DATASETS: tuple[Dataset, ...] = (
    ACCOUNTS,
    PRODUCTS,
    PRICES,
    ORDERS,
    ORDER_ITEMS,
    CASES,
    CASE_COMMENTS,
    CLIENTS,
    CLIENT_DETAILS,
    SERVICES,
    INVOICES,
    PAYMENT_METHODS,
    INVOICE_DETAILS,
    LINE_DETAILS,
    LINE_USAGE,
)

SYSTEMS: tuple[System, ...] = ("salesforce", "whmcs", "freebit")


def datasets_of(system: System) -> tuple[Dataset, ...]:
    return tuple(dataset for dataset in DATASETS if dataset.system == system)


def dataset_named(name: str) -> Dataset:
    """The data set of that name.

    Raises:
        KeyError: there is none.
    """
    return next((dataset for dataset in DATASETS if dataset.name == name), None) or _missing(name)


def _missing(name: str) -> Dataset:
    raise KeyError(name)
