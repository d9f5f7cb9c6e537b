"""The environment is read when the application is made, not when a module is imported."""

import os
import subprocess
import sys

NOWHERE = "postgresql://nobody@nowhere/none"
NEEDED = {"API_DATABASE_URL": NOWHERE, "AUTH_DATABASE_URL": NOWHERE, "API_JWT_KEY": "k" * 32}
PROGRAM = """
from read_api.worker import application
try:
    print(list(application().state["services"].plans))
except Exception:
    print("refused")
"""


def last_line(plans: str) -> str:
    environment = {**os.environ, **NEEDED, "FREEBIT_VOCABULARY__PLAN_NAMES": plans}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()[-1]


def test_a_malformed_setting_is_found_when_the_application_is_made() -> None:
    assert last_line("{") == "refused"


def test_the_plans_on_offer_are_those_of_the_environment() -> None:
    assert last_line('{"ONLY": "The only one"}') == "['ONLY']"
