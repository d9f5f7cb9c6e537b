"""How state machines are run against the real database: little, the same each time, and nothing is shrunk."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

STEPS = 25


def check(machine: Callable[[], RuleBasedStateMachine], *, examples: int = 25) -> None:
    """Walk through the machine's rules; what fails is told step by step.

    Shrinking it would take minutes, against a database; so few steps can be read as they are.
    """
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
