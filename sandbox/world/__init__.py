"""The business the sandbox plays: see README.md."""

from sandbox.world.catalogue import PORTAL, PRICEBOOKS, PRODUCTS, STANDARD, Pricebook, Product
from sandbox.world.facts import Address, Case, Customer, Dirt, Invoice, Line, Order, OrderItem, PayMethod, Service
from sandbox.world.salesforce_ids import PREFIXES, number_of, salesforce_id
from sandbox.world.world import World

__all__ = [
    "PORTAL",
    "PREFIXES",
    "PRICEBOOKS",
    "PRODUCTS",
    "STANDARD",
    "Address",
    "Case",
    "Customer",
    "Dirt",
    "Invoice",
    "Line",
    "Order",
    "OrderItem",
    "PayMethod",
    "Pricebook",
    "Product",
    "Service",
    "World",
    "number_of",
    "salesforce_id",
]
