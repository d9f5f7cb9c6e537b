"""Every kind of command: a module each, listed here and nowhere else."""

from typing import Any

from pipelines.commands.actions.place_order import PLACE_ORDER
from pipelines.commands.actions.provision_order import PROVISION_ORDER
from pipelines.commands.saga import Action

ACTIONS: dict[str, Action[Any]] = {action.kind: action for action in (PLACE_ORDER, PROVISION_ORDER)}
