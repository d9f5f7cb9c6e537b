"""What is sold: the products of reference/portal-domain.md §5 with prices of our own, in two price books."""

from typing import NamedTuple

from sandbox.world.salesforce_ids import salesforce_id


class Product(NamedTuple):
    """A Product2 and the WHMCS product and Freebit plan it stands for. Prices in JPY without tax."""

    number: int
    sku: str
    name: str
    category: str  # Internet, SIM, VPN, Other
    item_class: str  # Service, Installation, Add-on, Activation
    billing_cycle: str  # Monthly, Onetime
    price: int  # in the "Portal" price book
    standard_price: int
    pid: int  # WHMCS product id
    whmcs_name: str
    group: str  # WHMCS product group
    in_catalog: bool = True
    accessible: bool = True
    is_active: bool = True
    tier: str | None = None
    offering: str | None = None
    data_size: str | None = None
    plan_type: str | None = None
    family_discount: bool = False
    vpn_region: str | None = None
    is_default: bool = False
    auto_add: bool = False
    display_order: int = 0
    bundled_addon: str | None = None  # SKU of its other half
    required: tuple[str, ...] = ()  # SKUs
    dependent: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    plan_code: str | None = None  # Freebit
    quota_kb: int = 0  # Freebit allowance

    @property
    def product_id(self) -> str:
        return salesforce_id("Product2", self.number)

    def entry_id(self, pricebook: int) -> str:
        """Id of its PricebookEntry in PRICEBOOKS[pricebook]."""
        return salesforce_id("PricebookEntry", self.number * 2 + pricebook)


class Pricebook(NamedTuple):
    """A Pricebook2."""

    number: int
    name: str
    is_standard: bool

    @property
    def pricebook_id(self) -> str:
        return salesforce_id("Pricebook2", self.number)


STANDARD, PORTAL = 0, 1
PRICEBOOKS = (Pricebook(STANDARD, "Standard Price Book", True), Pricebook(PORTAL, "Portal", False))


def _internet(tier: str, short: str, offering: str, *, pid: int, price: int, order: int) -> dict[str, object]:
    name = f"NTT Fiber {offering} ({tier})" if short == "HOME-1G" and tier == "Gold" else f"Internet {tier} {offering}"
    return {
        "sku": f"INTERNET-{tier.upper()}-{short}", "name": f"Internet {tier} {offering}", "category": "Internet",
        "item_class": "Service", "billing_cycle": "Monthly", "price": price, "pid": pid, "whmcs_name": name,
        "tier": tier, "offering": offering, "display_order": order,
        "required": ("INTERNET-INSTALL-SINGLE",), "dependent": ("INTERNET-ADDON-HIKARI-DENWA",),
    }  # fmt: skip


def _sim(size: int, kind: str, pid: int, price: int, order: int) -> dict[str, object]:
    data_only = kind == "DATA-ONLY"
    family = kind.endswith("FAMILY")
    name = f"SIM {'Data' if data_only else 'Voice'} {size}GB" + (" Family" if family else "")
    sku = f"SIM-DATA-ONLY-{size}GB" if data_only else f"SIM-DATA-VOICE-{size}GB" + ("-FAMILY" if family else "")
    return {
        "sku": sku, "name": name, "category": "SIM", "item_class": "Service",
        "billing_cycle": "Monthly", "price": price, "pid": pid,
        "whmcs_name": name,
        "data_size": f"{size}GB", "plan_type": "DataOnly" if data_only else "DataSmsVoice", "family_discount": family,
        "display_order": order, "required": ("SIM-ACTIVATION-FEE",),
        "plan_code": f"SIM_{size}G" + ("_DATA" if data_only else ""), "quota_kb": size * 1_000_000,
    }  # fmt: skip


def _vpn(place: str, region: str, pid: int, order: int) -> dict[str, object]:
    return {
        "sku": f"VPN-REMOTE-ACCESS-{place}", "name": f"VPN Remote Access {region}", "category": "VPN",
        "item_class": "Service", "billing_cycle": "Monthly", "price": 1200, "pid": pid,
        "whmcs_name": f"VPN Remote Access {region}", "vpn_region": region, "display_order": order,
        "required": ("VPN-ACTIVATION-FEE",),
    }  # fmt: skip


def _fee(
    sku: str, name: str, category: str, item_class: str, pid: int, price: int, **more: object
) -> dict[str, object]:
    common = {"sku": sku, "name": name, "category": category, "item_class": item_class, "billing_cycle": "Onetime"}
    return {**common, "price": price, "pid": pid, "whmcs_name": name, "in_catalog": False, **more}


_ROWS: tuple[dict[str, object], ...] = (
    _internet("Silver", "HOME-1G", "Home 1G", pid=181, price=4800, order=1),
    _internet("Gold", "HOME-1G", "Home 1G", pid=182, price=5800, order=2),
    _internet("Platinum", "HOME-1G", "Home 1G", pid=183, price=6800, order=3),
    _internet("Gold", "APT-1G", "Apartment 1G", pid=184, price=4800, order=4),
    _internet("Platinum", "APT-100M", "Apartment 100M", pid=185, price=4300, order=5),
    _fee("INTERNET-INSTALL-SINGLE", "NTT installation, single payment", "Internet", "Installation", 242, 22800,
         is_default=True, exclusive=("INTERNET-INSTALL-12M", "INTERNET-INSTALL-24M")),
    _fee("INTERNET-INSTALL-12M", "NTT installation, 12 months", "Internet", "Installation", 243, 1900,
         billing_cycle="Monthly", exclusive=("INTERNET-INSTALL-SINGLE", "INTERNET-INSTALL-24M")),
    _fee("INTERNET-INSTALL-24M", "NTT installation, 24 months", "Internet", "Installation", 244, 950,
         billing_cycle="Monthly", exclusive=("INTERNET-INSTALL-SINGLE", "INTERNET-INSTALL-12M")),
    _fee("INTERNET-INSTALL-WEEKEND", "Weekend installation", "Internet", "Installation", 245, 3000),
    _fee("INTERNET-ADDON-HIKARI-DENWA", "Hikari Denwa", "Internet", "Add-on", 246, 450, billing_cycle="Monthly",
         in_catalog=True, bundled_addon="INTERNET-ADDON-HIKARI-DENWA-INSTALL"),
    _fee("INTERNET-ADDON-HIKARI-DENWA-INSTALL", "Hikari Denwa installation", "Internet", "Add-on", 247, 1000,
         bundled_addon="INTERNET-ADDON-HIKARI-DENWA"),
    _sim(5, "DATA-ONLY", 301, 980, 1),
    _sim(10, "DATA-ONLY", 302, 1480, 2),
    _sim(5, "VOICE", 303, 1580, 3),
    _sim(10, "VOICE", 304, 2080, 4),
    _sim(25, "VOICE", 305, 2980, 5),
    _sim(50, "VOICE", 306, 4480, 6),
    _sim(50, "VOICE-FAMILY", 307, 3980, 7),
    _fee("SIM-ACTIVATION-FEE", "SIM activation fee", "SIM", "Activation", 310, 1500, is_default=True, auto_add=True),
    _fee("SIM-ADDON-VOICE-MAIL", "SIM voice mail", "SIM", "Add-on", 311, 300, billing_cycle="Monthly",
         in_catalog=True),
    _vpn("USA-SF", "USA-SF", 401, 1),
    _vpn("UK-LONDON", "UK-London", 402, 2),
    _fee("VPN-ACTIVATION-FEE", "VPN activation fee", "VPN", "Activation", 410, 3000, auto_add=True),
    _fee("SUPPORT-REMOTE-MONTHLY", "Remote support & care", "Other", "Service", 501, 500, billing_cycle="Monthly",
         accessible=False),
    _fee("SUPPORT-VISIT", "Engineer's visit", "Other", "Other fee", 502, 8000, is_active=False),
)  # fmt: skip

_GROUPS = {"Internet": "Internet (NTT)", "SIM": "Mobile & SIM", "VPN": "VPN", "Other": "Other services"}


def _product(number: int, row: dict[str, object]) -> Product:
    price = int(str(row["price"]))
    group = _GROUPS[str(row["category"])]
    return Product(number=number, standard_price=price * 11 // 10, group=group, **row)  # type: ignore[arg-type]


PRODUCTS = tuple(_product(number, row) for number, row in enumerate(_ROWS))
BY_SKU = {product.sku: product for product in PRODUCTS}
BY_PID = {product.pid: product for product in PRODUCTS}
PLANS = {
    category: tuple(p for p in PRODUCTS if p.category == category and p.item_class == "Service")
    for category in ("Internet", "SIM", "VPN", "Other")
}
FIRST_FEES = {
    "Internet": BY_SKU["INTERNET-INSTALL-SINGLE"],
    "SIM": BY_SKU["SIM-ACTIVATION-FEE"],
    "VPN": BY_SKU["VPN-ACTIVATION-FEE"],
    "Other": BY_SKU["SUPPORT-VISIT"],
}
ADDONS = {"Internet": BY_SKU["INTERNET-ADDON-HIKARI-DENWA"], "SIM": BY_SKU["SIM-ADDON-VOICE-MAIL"]}
