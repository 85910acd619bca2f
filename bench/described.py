"""The whole OpenAPI description, asked with each role's key and without one: what it allows and what it forbids.

First every operation is asked about something that is there, and has to succeed for everybody who may do it. Then Schemathesis
draws cases by the description, right ones and wrong ones, every other one about what is there; each is sent as every role. A
failure is an operation that never succeeded, an answer that is in no description, one of 500, a trace of our code, or a role
that ``tests/web/routes.csv`` refuses and that was let in.
"""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import product
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.web.succeeding import REFUSED, Asked, answers, ask_everybody

from bench.attack import OWN, Failures, Tried

EXAMPLES = 6
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def successes(url: str, keys: dict[str, str], asked: dict[str, Asked]) -> Tried:
    """Ask every operation about what is there, as everybody; one that never succeeds is a failure."""
    went = ask_everybody(_described(url), keys, asked, CHECKS)
    failures = Failures([*went.wrong, *(f"{place} never succeeded" for place in went.unreached)])
    every = len(went.succeeded) + len(went.unreached)
    return Tried(f"operations that succeeded: {len(went.succeeded)} of {every}", went.cases, failures)


def roles(url: str, keys: dict[str, str], asked: dict[str, Asked], seconds: float) -> Tried:
    """Ask every operation as everybody, once at least, then with other cases until the time is over."""
    described = _described(url)
    who = {"nobody": {}, **{role: {"Authorization": f"Bearer {key}"} for role, key in keys.items()}}
    operations = [found.ok() for found in described.get_all_operations()]
    refused, failures = _refused(), Failures()
    cases = drawn = rounds = 0
    end = time.monotonic() + seconds

    def ask(operation: Any, mode: GenerationMode, number: int) -> None:
        place = f"{operation.method.upper()} {operation.path}"

        @seed(number)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def draw(case: Any) -> None:
            nonlocal cases, drawn
            drawn += 1
            if drawn % 2 and case.path_parameters and place in asked:
                case.path_parameters = dict(asked[place].within)
            for role, headers in who.items():
                cases += 1
                try:
                    answer = case.call(headers=headers, timeout=30)
                    case.validate_response(answer, checks=CHECKS)
                except FailureGroup as group:
                    failures.extend(
                        f"{place} as {role}, {answer.status_code}: {type(one).__name__}"
                        for one in group.exceptions
                    )
                    continue
                except Exception as error:
                    failures.append(f"{place} as {role}: {type(error).__name__}")
                    continue
                if any(own in answer.text for own in OWN):
                    failures.append(f"{place} as {role}: tells of its inside")
                if answer.status_code < 400 and (place, role) in refused:
                    failures.append(f"{place} as {role}: let in")

        # Where everything is allowed, nothing can be forbidden.
        with suppress(Unsatisfiable):
            draw()

    while rounds == 0 or time.monotonic() < end:
        for operation, mode in product(operations, GenerationMode):
            if rounds == 0 or time.monotonic() < end:
                ask(operation, mode, 7 + rounds)
        rounds += 1
    family = f"all {len(operations)} operations of the API as {len(who)} callers, {rounds} rounds"
    return Tried(family, cases, failures)


def _described(url: str) -> Any:
    return schemathesis.openapi.from_url(f"{url}/api/openapi.json", config=SchemathesisConfig())


def _refused() -> set[tuple[str, str]]:
    """Say who is let in nowhere on a route."""
    return {
        (place, who) for place, cells in answers().items() for who, told in cells.items() if told <= REFUSED
    }
