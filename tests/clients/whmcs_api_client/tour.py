"""The tour of a usual user: clients, services, invoices, an order from its making to its end, and what goes wrong.

Run by the client's own Python, which knows nothing of ours; see __init__.py.
"""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import whmcs_client

ASKED = {"username": "sandbox-identifier", "password": "sandbox-secret", "responsetype": "json"}
NEW = {
    "firstname": "Hana", "lastname": "Sato", "email": "hana@customers.example", "address1": "1-1 Chiyoda",
    "city": "Chiyoda-ku", "state": "Tokyo", "postcode": "100-0001", "country": "JP", "phonenumber": "0312345678",
}  # fmt: skip
GATEWAY = "mailin"

given = json.loads(sys.argv[1])
configuration = whmcs_client.Configuration(host=given["url"])
configuration.retries = False
api = whmcs_client.DefaultApi(whmcs_client.ApiClient(configuration))
kept: dict[str, Any] = {}


def step(action: str) -> Callable[[Callable[[], None]], None]:
    """Runs the function at once and says how it went."""

    def run(attempt: Callable[[], None]) -> None:
        reason = ""
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - whatever a client does wrong is its line in the table
            lines = str(error).strip().splitlines() or [type(error).__name__]
            reason = f"{type(error).__name__}: {' '.join(lines)[:200]}"
        sys.stdout.write(json.dumps({"action": action, "reason": reason}) + "\n")

    return run


def expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}")


def raw(call: Any, **params: Any) -> Any:
    """The answer as it came: the client keeps only some of an answer's keys, and takes no message of a failed list."""
    return json.loads(call(**ASKED, **params).data)


def refused(message: str, answer: Any) -> None:
    """WHMCS refuses with HTTP 200; the client hands that on as an answer."""
    expect((answer["result"], answer["message"]), ("error", message))


# -- clients ----------------------------------------------------------------------------------------------------------


@step("list clients")
def _() -> None:
    page = api.get_clients(**ASKED, limitnum=5)
    expect((page.result, page.startnumber, page.numreturned, len(page.clients.client)), ("success", 0, 5, 5))
    expect(page.totalresults > 5, True)


@step("list clients page by page")
def _() -> None:
    ids: list[int] = []
    while True:
        page = api.get_clients(**ASKED, limitstart=len(ids), limitnum=20, orderby="id")
        ids += [client.id for client in page.clients.client] if page.numreturned else []
        if len(ids) >= page.totalresults:
            break
    expect(ids, sorted(set(ids)))
    expect(len(ids), page.totalresults)


@step("list clients of a status, backwards")
def _() -> None:
    found = api.get_clients(**ASKED, status="Active", sorting="DESC", orderby="id", limitnum=10).clients.client
    expect({client.status for client in found}, {"Active"})
    expect([client.id for client in found], sorted((client.id for client in found), reverse=True))
    kept["client"] = found[0]


@step("search clients")
def _() -> None:
    found = api.get_clients(**ASKED, search=kept["client"].email).clients.client
    expect([client.id for client in found], [kept["client"].id])


@step("list no clients at all")
def _() -> None:
    answer = raw(api.get_clients_without_preload_content, search="nobody-is-called-so")
    expect((answer["totalresults"], answer["clients"]), (0, ""))


@step("read a client by id")
def _() -> None:
    detail = api.get_clients_details(**ASKED, clientid=kept["client"].id, stats=True)
    expect(detail.client.email, kept["client"].email)
    expect("productsnumtotal" in detail.stats, True)


@step("read a client by address")
def _() -> None:
    detail = raw(api.get_clients_details_without_preload_content, email=kept["client"].email)
    expect(detail["client"]["id"], kept["client"].id)
    expect(detail["client"]["users"]["user"][0]["is_owner"], True)


@step("make a client")
def _() -> None:
    made = api.add_client(**ASKED, **NEW, password2="a-password", notes="met at the fair", marketingoptin=True)
    expect(made.result, "success")
    kept["new"] = made.clientid
    expect(api.get_clients_details(**ASKED, clientid=made.clientid).client.email, NEW["email"])


@step("change a client")
def _() -> None:
    changed = api.update_client(**ASKED, clientid=kept["new"], companyname="Sato & Sons", city="Osaka")
    expect((changed.result, changed.clientid), ("success", str(kept["new"])))
    detail = raw(api.get_clients_details_without_preload_content, clientid=kept["new"])["client"]
    expect((detail["companyname"], detail["city"]), ("Sato &amp; Sons", "Osaka"))


# -- what a client has ------------------------------------------------------------------------------------------------


@step("list a client's services")
def _() -> None:
    services = raw(api.get_clients_products_without_preload_content, limitnum=100)["products"]["product"]
    owner = int(services[0]["clientid"])
    answer = api.get_clients_products(**ASKED, clientid=owner)
    rows = answer.products["product"]
    expect({row["clientid"] for row in rows}, {str(owner)})
    expect(all(row["recurringamount"] and row["billingcycle"] and row["status"] for row in rows), True)
    kept["service"] = rows[0]


@step("read one service")
def _() -> None:
    rows = api.get_clients_products(**ASKED, serviceid=int(kept["service"]["id"])).products["product"]
    expect(rows, [kept["service"]])


@step("list a client's domains")
def _() -> None:
    answer = api.get_clients_domains(**ASKED, clientid=kept["client"].id)
    expect((answer.totalresults, answer.domains), (0, []))


@step("list products, and one of them")
def _() -> None:
    products = api.get_products(**ASKED)
    expect(products.totalresults, len(products.products["product"]))
    kept["product"] = next(row for row in products.products["product"] if row["paytype"] == "recurring")
    one = raw(api.get_products_without_preload_content, pid=str(kept["product"]["pid"]))["products"]["product"]
    expect([row["name"] for row in one], [kept["product"]["name"]])


@step("list payment methods")
def _() -> None:
    methods = api.get_payment_methods(**ASKED)
    expect(GATEWAY in {method.module for method in methods.paymentmethods.paymentmethod}, True)


@step("list currencies")
def _() -> None:
    currencies = api.get_currencies(**ASKED)
    expect([(one.id, one.code, one.rate) for one in currencies.currencies.currency], [(1, "JPY", "1.00000")])


# -- invoices ---------------------------------------------------------------------------------------------------------


@step("list invoices, newest first")
def _() -> None:
    page = api.get_invoices(**ASKED, orderby="id", order="desc", limitnum=10)
    ids = [row["id"] for row in page.invoices["invoice"]]
    expect((page.numreturned, ids), (10, sorted(ids, reverse=True)))


@step("list a client's unpaid and overdue invoices")
def _() -> None:
    for status in ("Unpaid", "Overdue"):
        rows = api.get_invoices(**ASKED, status=status, limitnum=5).invoices["invoice"]
        expect({row["status"] for row in rows}, {"Unpaid"})
        mine = api.get_invoices(**ASKED, userid=rows[0]["userid"], status=status).invoices["invoice"]
        expect({row["userid"] for row in mine}, {rows[0]["userid"]})


@step("list an invoice's transactions")
def _() -> None:
    paid = api.get_invoices(**ASKED, status="Paid", limitnum=1).invoices["invoice"][0]
    # As it came: the client's model wants numbers for the amounts, for which the vendor's own sample has texts.
    answer = raw(api.get_transactions_without_preload_content, invoiceid=paid["id"])
    rows = answer["transactions"]["transaction"]
    expect({row["invoiceid"] for row in rows}, {str(paid["id"])})
    expect(answer["totalresults"], len(rows))


# -- an order ---------------------------------------------------------------------------------------------------------


def ordered(**more: Any) -> Any:
    order = {"pid": [kept["product"]["pid"]], "billingcycle": ["monthly"], "qty": [1], **more}
    return api.add_order(**ASKED, clientid=kept["new"], paymentmethod=GATEWAY, **order)


def order(order_id: str) -> Any:
    rows = raw(api.get_orders_without_preload_content, id=int(order_id))["orders"]
    return rows["order"][0] if rows else None


@step("order a product")
def _() -> None:
    made = ordered()
    expect(made.result, "success")
    row = order(made.orderid)
    expect((row["status"], row["paymentstatus"], str(row["invoiceid"])), ("Pending", "Unpaid", made.invoiceid))
    expect([str(line["relid"]) for line in row["lineitems"]["lineitem"]], made.productids)
    service = api.get_clients_products(**ASKED, serviceid=int(made.productids[0])).products["product"][0]
    expect((service["status"], service["orderid"], service["clientid"]), ("Pending", made.orderid, str(kept["new"])))
    kept["order"] = made


@step("order two products at once, without an invoice")
def _() -> None:
    made = ordered(pid=[kept["product"]["pid"]] * 2, billingcycle=["monthly"] * 2, qty=[1, 1], noinvoice=True)
    expect((len(made.productids), made.invoiceid), (2, "0"))


@step("list a client's orders")
def _() -> None:
    rows = api.get_orders(**ASKED, userid=kept["new"]).orders["order"]
    expect((len(rows), {row["status"] for row in rows}), (2, {"Pending"}))


@step("cancel an order")
def _() -> None:
    made = kept["order"]
    expect(api.cancel_order(**ASKED, orderid=int(made.orderid)).result, "success")
    expect((order(made.orderid)["status"], order(made.orderid)["paymentstatus"]), ("Cancelled", "Cancelled"))
    service = api.get_clients_products(**ASKED, serviceid=int(made.productids[0])).products["product"][0]
    expect(service["status"], "Cancelled")


@step("delete an order")
def _() -> None:
    made = kept["order"]
    expect(api.delete_order(**ASKED, orderid=int(made.orderid)).result, "success")
    expect(order(made.orderid), None)


# -- what goes wrong --------------------------------------------------------------------------------------------------


def forbidden(message: str, attempt: Callable[[], Any]) -> None:
    """403 before the action is looked at."""
    try:
        answer = attempt()
    except whmcs_client.ApiException as error:
        said = json.loads(error.body) if error.body else error.data.to_dict()
        expect((error.status, said["result"], said["message"]), (403, "error", message))
        return
    raise AssertionError(f"it was answered: {answer!r}"[:200])


@step("wrong credentials")
def _() -> None:
    forbidden("Authentication Failed", lambda: api.get_clients(**{**ASKED, "password": "wrong"}))


@step("unknown client")
def _() -> None:
    refused("Client Not Found", raw(api.get_clients_details_without_preload_content, clientid=999_999))
    refused("Client ID Not Found", raw(api.update_client_without_preload_content, clientid=999_999, city="Osaka"))


@step("a client without an address")
def _() -> None:
    nowhere = {**NEW, "address1": ""}
    refused("You did not enter your  address line 1", raw(api.add_client_without_preload_content, **nowhere))


@step("an e-mail address that is taken")
def _() -> None:
    refused("A user already exists with that email address", raw(api.add_client_without_preload_content, **NEW))


@step("an order for nobody, for nothing, by no way to pay")
def _() -> None:
    call = api.add_order_without_preload_content
    order = {"clientid": kept["new"], "paymentmethod": GATEWAY, "pid": [kept["product"]["pid"]]}
    refused("Client ID Not Found", raw(call, **{**order, "clientid": 999_999}))
    refused("No items added to cart so order cannot proceed", raw(call, **{**order, "pid": []}))
    cash = {**order, "paymentmethod": "cash"}
    refused("Invalid Payment Method. Valid options include stripe,mailin", raw(call, **cash))


@step("an order that is not pending")
def _() -> None:
    message = "Order ID not found or Status not Pending"
    refused(message, raw(api.cancel_order_without_preload_content, orderid=int(kept["order"].orderid)))


@step("an order that may not be deleted")
def _() -> None:
    waiting = api.get_orders(**ASKED, userid=kept["new"]).orders["order"][0]["id"]
    message = "The order status must be in Cancelled or Fraud to be deleted"
    refused(message, raw(api.delete_order_without_preload_content, orderid=waiting))


@step("unreadable custom fields are none")
def _() -> None:
    nonsense = base64.b64encode(b"a:1:{i:1;s:99:").decode()
    expect(api.update_client(**ASKED, clientid=kept["new"], customfields=nonsense).result, "success")


@step("an action that this WHMCS does not have")
def _() -> None:
    refused("Command Not Found", raw(api.get_invoices_details_without_preload_content))
