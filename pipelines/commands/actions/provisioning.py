"""What the parts of provisioning share: the order as it was read, and its plan."""

from datetime import datetime

import msgspec
from msgspec import field

from domain.orders.provisioning import ProvisionOrder
from pipelines.commands.saga import Result, Work

Provisioning = Work[ProvisionOrder]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The Order as Salesforce has it, under its own names: they are what is asked for, and what is stored."""

    id: str = field(name="Id")
    account: str | None = field(name="AccountId", default=None)
    status: str | None = field(name="Status", default=None)
    opportunity: str | None = field(name="OpportunityId", default=None)
    type: str | None = field(name="Order_Type__c", default=None)
    activation_type: str | None = field(name="Activation_Type__c", default=None)
    scheduled_at: str | None = field(name="Activation_Scheduled_At__c", default=None)
    activation_status: str | None = field(name="Activation_Status__c", default=None)
    whmcs_order: str | None = field(name="WHMCS_Order_ID__c", default=None)
    sim_type: str | None = field(name="SIM_Type__c", default=None)
    eid: str | None = field(name="EID__c", default=None)
    voice_mail: bool | None = field(name="SIM_Voice_Mail__c", default=None)
    call_waiting: bool | None = field(name="SIM_Call_Waiting__c", default=None)
    is_ported: bool | None = field(name="MNP_Application__c", default=None)
    reservation_number: str | None = field(name="MNP_Reservation_Number__c", default=None)
    reserved_until: str | None = field(name="MNP_Expiry_Date__c", default=None)
    ported_number: str | None = field(name="MNP_Phone_Number__c", default=None)
    last_name: str | None = field(name="Porting_LastName__c", default=None)
    first_name: str | None = field(name="Porting_FirstName__c", default=None)
    last_name_katakana: str | None = field(name="Porting_LastName_Katakana__c", default=None)
    first_name_katakana: str | None = field(name="Porting_FirstName_Katakana__c", default=None)
    gender: str | None = field(name="Porting_Gender__c", default=None)
    birth_date: str | None = field(name="Porting_DateOfBirth__c", default=None)
    given_card: str | None = field(name="Assign_Physical_SIM__c", default=None)


ORDER_FIELDS = ", ".join(each.encode_name for each in msgspec.structs.fields(Order))
"""What a query for it selects."""


class Item(msgspec.Struct, frozen=True, rename="camel"):
    """A line of the order. `pid`: its product in WHMCS; null: none yet."""

    id: str
    sku: str | None
    pid: int | None
    item_class: str | None = field(name="class")
    quantity: int
    cycle: str
    plan_type: str | None
    data_size: str | None


class ReadOrder(Result, frozen=True, kw_only=True):
    """The order and its lines. `already`: it had been provisioned before, as `whmcs_order`; no more is known then."""

    already: bool
    whmcs_order: str | None = None
    order: Order | None = None
    items: tuple[Item, ...] = ()


class ChosenLine(Result, frozen=True, kw_only=True):
    """The line's number, its card in the org's stock and that card's serial number, and the chip of an eSIM."""

    account: str
    serial: str | None = None
    eid: str | None
    stock: str | None


class OpenedLine(Result, frozen=True):
    """When the line was opened, or found to be open."""

    at: datetime


def plan_of(work: Provisioning) -> Item:
    """The item of the order that is the plan."""
    items = work.result(ReadOrder).items
    return next((item for item in items if item.item_class == "Service"), items[0])


def order_of(work: Provisioning) -> Order:
    """The order as it was read; where it had been provisioned before, its id alone."""
    return work.result(ReadOrder).order or Order(id=work.input.order)


def card_of(work: Provisioning) -> str | None:
    """The card that the line has of the org's stock; None: it has none, or no line was chosen."""
    line = work.result_or_none(ChosenLine)
    return line.stock if line is not None else None
