"""`python -m sandbox`: play Salesforce, WHMCS and Freebit until interrupted."""

import argparse
import logging
import os
import signal
import sys

from sandbox.config import ConfigError, config_from
from sandbox.server import start

_ABOUT = """\
Plays Salesforce, WHMCS and Freebit over HTTP, with an invented business behind them.
The same seed always gives the same business; a million customers start in a second.

variables:
  SANDBOX_CUSTOMERS=1000              how many customers
  SANDBOX_SEED=1                      which business
  SANDBOX_HOST=127.0.0.1              address to listen on
  SANDBOX_SALESFORCE_PORT=8401        0 picks a free port
  SANDBOX_SALESFORCE_GRPC_PORT=8402
  SANDBOX_WHMCS_PORT=8403
  SANDBOX_FREEBIT_PORT=8404
  SANDBOX_TLS=off                     on: Salesforce and its events answer on the two ports below, too
  SANDBOX_SALESFORCE_TLS_PORT=8405
  SANDBOX_SALESFORCE_GRPC_TLS_PORT=8406
  SANDBOX_TLS_CERTIFICATE=            PEM file to use there, with SANDBOX_TLS_KEY; without, one is made at the start
  SANDBOX_WHMCS_TIMEZONE=Asia/Tokyo   zone of WHMCS's dates
  SANDBOX_WHMCS_WEBHOOK_URL=          where WHMCS tells of changes, e.g. http://127.0.0.1:8000/webhooks/whmcs
  SANDBOX_WHMCS_WEBHOOK_SECRET=       what it signs that with
  SANDBOX_SALESFORCE_PUBLIC_KEY=      PEM file that JWT bearer assertions are checked with
  SANDBOX_MAIL_FOLDER=                folder of .eml files to show
  SANDBOX_QUIRKS=                     e.g. numbers=strings,empty_list=absent (see sandbox/whmcs/quirks.py)

credentials:
  Salesforce  client sandbox-client / sandbox-secret, user hub@sandbox.example / sandbox-password + TOKEN,
              refresh token sandbox-refresh-token
  WHMCS       identifier sandbox-identifier, secret sandbox-secret
  Freebit     oemId sandbox-oem, oemKey sandbox-oem-key

control plane, on every port (JSON):
  GET  /__sandbox__/world             counts of every object
  GET  /__sandbox__/dirt              rows that cannot be represented
  GET  /__sandbox__/calls?match=&limit=
  GET  /__sandbox__/ledger?system=&kind=&id=&marker=
                                      every effect that was applied
  POST /__sandbox__/faults            {"match": "GetInvoices", "times": 2, "mode": "status:503"}
                                      modes: status:NNN after:NNN (+SECONDS, +date, +none) timeout timeout_after
                                      cut drop malformed doubled bom charset empty200 html200 html500 429 repeat
                                      expire slow:MS trickle:MS code:A-B; none forgets those that wait
  POST /__sandbox__/mutate            {"system": "whmcs", "object": "invoice", "id": "10001",
                                       "fields": {"status": "Paid"}}
                                      fields null deletes; an unknown id creates; with "before": "limitstart=25"
                                      when the next such call comes, before it is answered; with "after", once
                                      its answer is made
  POST /__sandbox__/clock             {"advance_seconds": 3600}
  POST /__sandbox__/quirks            {"numbers": "strings"}
  GET  /__sandbox__/webhooks          WHMCS's notifications, and the answers
  POST /__sandbox__/webhooks          {"url": "http://127.0.0.1:8000/webhooks/whmcs", "secret": "..."}
  POST /__sandbox__/webhook-faults    {"mode": "drop", "times": 2}; modes: drop double reorder
  GET  /__sandbox__/events            what was published on each channel
  POST /__sandbox__/events            {"entity": "Order", "type": "GAP_UPDATE", "ids": ["801..."]}
  POST /__sandbox__/event-types       {"name": "Sample__e", "fields": {"Message__c": "string"}}
  GET  /__sandbox__/mail              a page (HTML) of the e-mails in SANDBOX_MAIL_FOLDER
  GET  /__sandbox__/tls               the TLS ports, and the certificate to trust there (PEM file)
  POST /__sandbox__/event-faults      {"mode": "drop", "times": 2}; modes: drop double reorder poison stall disconnect
                                      reject_replay expire schema_change
  POST /__sandbox__/expire-sessions   {}: every Salesforce session is over, and its event streams with it
  POST /__sandbox__/reset             as at the start
"""

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    # Waited for, not handled: a handler runs once something has woken the main thread, so one that came just before
    # it lay down was never heard. Blocked before there are other threads, so that none of them takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPED_BY)
    try:
        running = start(config_from(os.environ))
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    with running:
        lines = [
            f"salesforce  {running.salesforce_url}",
            *([f"            {running.salesforce_tls_url}"] if running.salesforce_tls_url else []),
            f"events      {running.salesforce_grpc}",
            *([f"            {running.salesforce_grpc_tls} (TLS)"] if running.salesforce_grpc_tls else []),
            *([f"certificate {running.config.tls_certificate}"] if running.config.tls else []),
            f"whmcs       {running.whmcs_url}/includes/api.php",
            f"freebit     {running.freebit_url}/emptool/api",
            f"customers   {running.config.customers} (seed {running.config.seed}); Ctrl-C stops",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        signal.sigwait(STOPPED_BY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
