"""Every kind of command, listed here and nowhere else."""

from typing import Any

from pipelines.commands.actions.cancel_sim import CANCEL_SIM
from pipelines.commands.actions.cancel_subscription import CANCEL_SUBSCRIPTION
from pipelines.commands.actions.change_line import CHANGE_NETWORK, CHANGE_PLAN, CHANGE_VOICE, REISSUE_ESIM
from pipelines.commands.actions.customer import REQUEST_ELIGIBILITY, UPDATE_ADDRESS, UPDATE_PROFILE
from pipelines.commands.actions.identity import SUBMIT_IDENTITY_DOCUMENT
from pipelines.commands.actions.place_order import PLACE_ORDER
from pipelines.commands.actions.provision_order import PROVISION_ORDER
from pipelines.commands.actions.support import ADD_COMMENT, CLOSE_CASE, OPEN_CASE
from pipelines.commands.actions.top_up import TOP_UP
from pipelines.commands.saga import Action

_ALL: tuple[Action[Any], ...] = (
    PLACE_ORDER,
    PROVISION_ORDER,
    TOP_UP,
    CHANGE_PLAN,
    CHANGE_VOICE,
    CHANGE_NETWORK,
    REISSUE_ESIM,
    CANCEL_SIM,
    OPEN_CASE,
    ADD_COMMENT,
    CLOSE_CASE,
    UPDATE_PROFILE,
    UPDATE_ADDRESS,
    REQUEST_ELIGIBILITY,
    CANCEL_SUBSCRIPTION,
    SUBMIT_IDENTITY_DOCUMENT,
)
ACTIONS: dict[str, Action[Any]] = {action.kind.name: action for action in _ALL}
