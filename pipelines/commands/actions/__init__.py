"""Every action, by the name of its kind: what the modules listed here define, and nothing else."""

from typing import Any

from pipelines.commands.actions import (
    cancel_sim,
    cancel_subscription,
    change_line,
    customer,
    identity,
    place_order,
    provision_order,
    sign_up,
    support,
    top_up,
)
from pipelines.commands.saga import Action

# In the order of docs/actions.md.
_MODULES = (
    place_order,
    provision_order,
    top_up,
    change_line,
    cancel_sim,
    support,
    customer,
    cancel_subscription,
    identity,
    sign_up,
)
ACTIONS: dict[str, Action[Any]] = {
    each.kind.name: each for module in _MODULES for each in vars(module).values() if isinstance(each, Action)
}
