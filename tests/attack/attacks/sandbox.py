"""A web page that an operator has open, and the sandbox on his machine."""

import httpx

from tests.attack.suite import Seen, attack
from tests.attack.target import Target


@attack("15", quick=True, reads=True)
def foreign_page_drives_the_sandbox(target: Target) -> Seen:
    """The control plane answers to its own names, and to no page of another site."""
    foreign = (
        {"Origin": "https://attacker.example"},
        {"Host": "attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    )
    urls = (target.hub.sandbox.salesforce_url, target.hub.sandbox.whmcs_url, target.hub.sandbox.freebit_url)
    through = []
    with httpx.Client(trust_env=False) as http:
        for url in urls:
            for headers in foreign:
                posted = http.post(
                    f"{url}/__sandbox__/clock",
                    content=b'{"advance_seconds": 0}',
                    headers={"Content-Type": "text/plain", **headers},
                )
                read = http.get(f"{url}/__sandbox__/ledger", headers=headers)
                through += [str(headers) for answer in (posted, read) if answer.status_code != 403]
    return Seen(not through, f"let through: {through[:3] or 'none'}")
