"""Salesforce orders and order items in our words."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import ValidationError

from domain.common.failures import broken
from domain.common.identifiers import account_id, hub_id
from domain.common.salesforce import flat
from domain.common.vocabulary import SalesforceVocabulary
from domain.orders.contract import ActivationStatus, BillingCycle, Order, OrderItem, OrderStatus, OrderType
from domain.orders.providers.salesforce.raw import RawOrder, RawOrderItem

MAPPER_VERSION = "3"

TYPES: Mapping[str, OrderType] = {
    "Internet": "internet",
    "SIM": "sim",
    "eSIM": "sim",  # an older org's word for it
    "VPN": "vpn",
    "Other": "other",
}
STATUSES: Mapping[str, OrderStatus] = {
    "Draft": "draft",
    "Pending Review": "pending_review",
    "Approved": "approved",
    "Reactivate": "approved",  # fulfilment starts again
    "Processed": "processed",
    "Activated": "processed",
    "Cancelled": "cancelled",
    "Rejected": "rejected",
}
ACTIVATION_STATUSES: Mapping[str, ActivationStatus] = {
    "Not Started": "not_started",
    "Scheduled": "scheduled",
    "Activating": "activating",
    "Activated": "activated",
    "Failed": "failed",
}
CYCLES: Mapping[str, BillingCycle] = {"Monthly": "monthly", "Onetime": "onetime"}


def order_from_row(row: Mapping[str, object], vocabulary: SalesforceVocabulary) -> Order:
    """The order that an Order record describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawOrder.model_validate(flat(row))
        return Order(
            id=hub_id("salesforce", "order", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            account_id=account_id("salesforce", raw.account),
            order_number=raw.number,
            type=TYPES.get(raw.type or "", "other"),
            source_type=raw.type,
            status=STATUSES.get(raw.status or "", "other"),
            source_status=raw.status,
            activation_status=(
                ACTIVATION_STATUSES.get(raw.activation_status, "other") if raw.activation_status else None
            ),
            source_activation_status=raw.activation_status,
            activation_error_code=raw.activation_error_code,
            activation_error_message=raw.activation_error_message,
            activation_type=raw.activation_type,
            activation_scheduled_at=raw.activation_scheduled,
            effective_on=raw.effective,
            total=raw.total,
            currency=vocabulary.currency_of(raw.currency),
            placed_at=raw.created,
            whmcs_order_id=raw.whmcs_order,
            command_id=_command(raw.command),
            sim_type=raw.sim_type,
            access_mode=raw.access_mode,
            billing_street=raw.street,
            billing_city=raw.city,
            billing_state=raw.state,
            billing_postcode=raw.postcode,
            billing_country=raw.country,
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error


def _command(marker: str | None) -> UUID | None:
    """The command that placed it; what another program wrote into our field is not ours."""
    try:
        return UUID(marker) if marker else None
    except ValueError:
        return None


def order_item_from_row(row: Mapping[str, object], vocabulary: SalesforceVocabulary) -> OrderItem:
    """The order line that an OrderItem record describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawOrderItem.model_validate(flat(row))
        service = raw.whmcs_service
        return OrderItem(
            id=hub_id("salesforce", "order_item", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            account_id=account_id("salesforce", raw.account),
            order_id=hub_id("salesforce", "order", raw.order),
            product_id=hub_id("salesforce", "product", raw.product) if raw.product else None,
            price_id=hub_id("salesforce", "price", raw.price) if raw.price else None,
            sku=raw.sku,
            product_name=raw.product_name,
            quantity=raw.quantity,
            unit_price=raw.unit_price,
            total=raw.total,
            currency=vocabulary.currency_of(raw.currency),
            billing_cycle=CYCLES.get(raw.billing_cycle, "other") if raw.billing_cycle else None,
            source_billing_cycle=raw.billing_cycle,
            whmcs_service_id=service,
            subscription_id=hub_id("whmcs", "subscription", service) if service else None,
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error
