"""Opening a line at Freebit, as part of provisioning an order for a SIM."""

from pipelines.commands.actions.provisioning import Provisioning, ProvisionOrder, order_of
from pipelines.commands.saga import AlertError, RefusalError, Result, Step


def is_sim(work: Provisioning) -> bool:
    return order_of(work).get("Order_Type__c") == "SIM"


def choose_line(_: Provisioning) -> Result:
    raise RefusalError("SIM_ACTIVATION_FAILED", "Lines cannot be opened by this release of the hub.")


def leave_open(_: Provisioning) -> Result:
    raise AlertError("SIM_LINE_LEFT_OPEN", "The line was opened, but the order could not be completed.")


LINE_STEPS: tuple[Step[ProvisionOrder], ...] = (Step("choose_line", choose_line, repeatable=True, when=is_sim),)
LINE_WRITE_BACK: tuple[Step[ProvisionOrder], ...] = ()
alert_of_open_line = Step("leave_open", leave_open, repeatable=True, when=lambda work: work.has("open_line"))
