"""Every data set: one declaration each, in the order in which a run reads them."""

from domain.common.identifiers import System
from pipelines.datasets import freebit, salesforce, whmcs
from pipelines.sync.dataset import Dataset

# What the modules declare, so that a declaration is all that a new data set needs.
DATASETS = tuple(
    each for module in (salesforce, whmcs, freebit) for each in vars(module).values() if isinstance(each, Dataset)
)


def datasets_of(system: System) -> tuple[Dataset, ...]:
    return tuple(dataset for dataset in DATASETS if dataset.system == system)


def dataset_named(name: str) -> Dataset:
    """The data set of that name.

    Raises:
        KeyError: there is none.
    """
    return {dataset.name: dataset for dataset in DATASETS}[name]
