"""The three clients against the three emulators, which follow the reference and share no code with them."""

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.errors import CredentialsError, RejectedError
from core.settings import FreebitSettings, SalesforceSettings, WhmcsSettings
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient
from sandbox.config import Config
from sandbox.server import start


@pytest.fixture(scope="module")
def sandbox():
    with start(
        Config(customers=300, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def forget_faults(sandbox):
    yield
    for url in (sandbox.salesforce_url, sandbox.whmcs_url, sandbox.freebit_url):
        httpx.post(f"{url}/__sandbox__/reset")


def fail_next(url, **fault):
    httpx.post(f"{url}/__sandbox__/faults", json={"times": 1, **fault}).raise_for_status()


def faults_met(sandbox):
    calls = httpx.get(f"{sandbox.salesforce_url}/__sandbox__/calls").json()["calls"]
    return {(call["system"], call["fault"]) for call in calls if call["fault"]}


@pytest.fixture
def key_file(tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return tmp_path / "key.pem"


@pytest.fixture
def salesforce(sandbox):
    def salesforce(**login):
        login = login or SECRET
        given = {"domain": "sandbox.my", "base_url": sandbox.salesforce_url, "bulk_poll_seconds": 0.05, **login}
        return SalesforceClient(SalesforceSettings(_env_file=None, **given))

    return salesforce


@pytest.fixture
def whmcs(sandbox):
    settings = WhmcsSettings(
        _env_file=None, url=sandbox.whmcs_url, identifier="sandbox-identifier", secret="sandbox-secret",
        calls_per_second=10_000,
    )  # fmt: skip
    with WhmcsClient(settings) as client:
        yield client


@pytest.fixture
def freebit(sandbox):
    settings = FreebitSettings(
        _env_file=None, base_url=f"{sandbox.freebit_url}/emptool/api", oem_id="sandbox-oem", oem_key="sandbox-oem-key",
        calls_per_minute=10_000,
    )  # fmt: skip
    with FreebitClient(settings) as client:
        yield client


SECRET = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
USER = {"username": "hub@sandbox.example", "client_id": "sandbox-client"}
PASSWORD = {**USER, "password": "sandbox-password"}


def test_a_wrong_secret_lets_nobody_in(sandbox, salesforce):
    with salesforce(client_id="sandbox-client", client_secret="wrong") as client, pytest.raises(CredentialsError):
        client.count("SELECT COUNT() FROM Account")

    settings = WhmcsSettings(_env_file=None, url=sandbox.whmcs_url, identifier="wrong", secret="wrong")
    with WhmcsClient(settings) as client, pytest.raises(CredentialsError):
        client.call("GetClients")


@pytest.mark.parametrize("way", ["secret", "password", "soap", "key"])
def test_each_way_of_logging_in_to_salesforce_lets_us_in(salesforce, key_file, way):
    login = {
        "secret": {},
        "soap": {**PASSWORD, "client_id": None, "security_token": "TOKEN"},
        "password": {**PASSWORD, **SECRET, "security_token": "TOKEN"},
        "key": {**USER, "private_key_file": key_file},
    }[way]

    with salesforce(**login) as client:
        assert client.count("SELECT COUNT() FROM Account") > 0


@pytest.mark.parametrize("answer", ["url_not_reset", "redirect", "forbidden"])
def test_an_org_that_moves_while_it_is_read_is_read_to_its_end(sandbox, salesforce, answer):
    with salesforce(page_rows=200, **SECRET) as client:
        pages = client.query("SELECT Id FROM OrderItem")
        first = next(pages)
        httpx.post(f"{sandbox.salesforce_url}/__sandbox__/move", json={"answer": answer}).raise_for_status()
        rest = [row for page in pages for row in page]
        count = client.count("SELECT COUNT() FROM OrderItem")

    assert len(first) + len(rest) == count


@pytest.mark.parametrize("mode", ["status:503", "html500", "malformed", "cut", "429"])
def test_one_fault_on_the_way_is_not_noticed(sandbox, salesforce, whmcs, mode):
    fail_next(sandbox.salesforce_url, match="queryAll", mode=mode)
    fail_next(sandbox.whmcs_url, match="GetClients", mode=mode)

    with salesforce() as client:
        assert client.count("SELECT COUNT() FROM Account") > 0
    assert next(whmcs.pages("GetClients", "clients.client", 10)).rows
    assert faults_met(sandbox) == {("salesforce", mode), ("whmcs", mode)}


def test_a_query_and_a_bulk_job_bring_the_same_records(salesforce):
    soql = "SELECT Id, Name, IsDeleted FROM Account"

    with salesforce() as client:
        paged = [row["Id"] for page in client.query(soql) for row in page]
        bulk = list(client.bulk_query(soql, 1000))

    assert sorted(row["Id"] for page in bulk for row in page.rows) == sorted(paged)
    assert bulk[-1].total == len(paged)


def test_a_bulk_job_is_gone_on_with_by_another_client(salesforce):
    soql = "SELECT Id FROM Account"
    with salesforce() as client:
        whole = list(client.bulk_query(soql, 100))

    with salesforce() as client:
        rest = list(client.bulk_query(soql, 100, whole[0].position))

    assert [page.rows for page in rest] == [page.rows for page in whole[1:]]


def test_a_refused_query_says_which_kind_of_mistake_it_is(salesforce):
    with salesforce() as client, pytest.raises(RejectedError) as caught:
        list(client.query("SELECT Nonsense__c FROM Account"))

    assert caught.value.code == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("action", "collection"),
    [
        ("GetClients", "clients.client"),
        ("GetClientsProducts", "products.product"),
        ("GetInvoices", "invoices.invoice"),
    ],
)
def test_a_list_of_whmcs_is_read_to_its_end(whmcs, action, collection):
    pages = list(whmcs.pages(action, collection, 100))

    rows = [row["id"] for page in pages for row in page.rows]
    assert len(set(rows)) == len(rows) == pages[-1].total


def test_an_invoice_that_does_not_exist_is_recognised(whmcs):
    with pytest.raises(RejectedError) as caught:
        whmcs.call("GetInvoice", invoiceid=999_999_999)

    assert caught.value.code == "not_found"


def test_a_line_that_does_not_exist_is_refused_with_the_vendors_code(freebit):
    with pytest.raises(RejectedError) as caught:
        freebit.traffic("09000000000")

    assert caught.value.code == "400-210"


def test_a_key_that_the_vendor_forgets_is_renewed(sandbox, freebit, whmcs):
    number = a_line(whmcs)
    freebit.traffic(number)
    fail_next(sandbox.freebit_url, match="getTrafficInfo", mode="code:401-001")

    assert "traffic" in freebit.traffic(number)


def test_a_line_tells_its_state_and_its_traffic(freebit, whmcs):
    number = a_line(whmcs)

    detail, traffic = freebit.account_detail(number), freebit.traffic(number)

    assert detail["responseDatas"][0]["account"] == number
    assert "today" in traffic["traffic"]


def a_line(whmcs):
    """The number of a line that is open, as a service's custom field holds it."""
    for page in whmcs.pages("GetClientsProducts", "products.product", 200):
        for row in page.rows:
            fields = row["customfields"]["customfield"] if row["customfields"] else []
            number = next((field["value"] for field in fields if field["name"] == "SIM Number"), "")
            digits = number.replace("-", "")
            if row["status"] == "Active" and digits.isdecimal() and len(digits) == 11:
                return digits
    raise AssertionError
