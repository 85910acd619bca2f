"""Consent, erasure and roles, driven at random against a plain list of what must hold, for as long as one likes.

The machines are those of the tests; here they start from other numbers each time. A failure is a step after which the space
says something else than the list; the steps that lead there are printed.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from tests.guard.test_consent import Consents
from tests.guard.test_roles_machine import Roles
from tests.journey.test_erasure_machine import Erasures

from bench.attack import Failures, Tried

MACHINES: tuple[tuple[str, type[RuleBasedStateMachine], int], ...] = (
    ("consent", Consents, 15),
    ("erasure", Erasures, 8),
    ("roles", Roles, 25),
)


def drive(seconds: float) -> list[Tried]:
    """Drive each machine until its time is over."""
    return [_drive(name, machine, steps, seconds) for name, machine, steps in MACHINES]


def _drive(name: str, machine: type[RuleBasedStateMachine], steps: int, seconds: float) -> Tried:
    end, failures, done, runs = time.monotonic() + seconds, Failures(), 0, 0

    class Counted(machine):  # type: ignore[valid-type, misc]
        def check_invariants(self, *args: Any, **more: Any) -> None:
            nonlocal done
            done += 1
            super().check_invariants(*args, **more)

    bounds = settings(
        max_examples=3, stateful_step_count=steps, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    while time.monotonic() < end:
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                run_state_machine_as_test(Counted, settings=bounds)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}")
            notes = "\n".join(getattr(error, "__notes__", ()))
            print((notes or said.getvalue() or repr(error))[-4000:], file=sys.stderr)
            break
        runs += 1
    return Tried(f"state machine of {name}, steps in {3 * runs:,} runs", done, failures)
