"""Requests made from the API's own description, allowed and forbidden ones, sent as every role: ``python -m bench.described SPACE``.

Prints the number of requests, then one line for each answer that the description does not know.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import not_a_server_error, status_code_conformance

from allears.guard.access import Role
from allears.space import Space
from allears.web.app import build

EXAMPLES = 8
BOUNDED = settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
                   suppress_health_check=list(HealthCheck))  # fmt: skip


def main(folder: Path) -> None:
    sent, wrong = 0, list[str]()
    with Space.open(folder, create=False) as space:
        keys = {str(role): space.keys.make(role, role, partner="Postwing" if role is Role.PARTNER else None)[0] for role in Role}  # fmt: skip
        app = build(space, parts=frozenset({"listen", "web"}), host="testserver")
        described = schemathesis.openapi.from_asgi("/api/openapi.json", app, config=SchemathesisConfig())
        for found in described.get_all_operations():
            operation = found.ok()
            for who, key in (*keys.items(), ("nobody", "")):
                for mode in GenerationMode:
                    count, told = _ask(operation, mode, {"Authorization": f"Bearer {key}"} if key else {})
                    sent += count
                    wrong += [f"{operation.method} {operation.path} as {who}: {one}" for one in told]
    print(sent)
    print("\n".join(wrong))


def _ask(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> tuple[int, set[str]]:
    count, told = 0, set[str]()

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal count
        count += 1
        answer = case.call(headers=headers)
        try:
            case.validate_response(
                answer, checks=[not_a_server_error, status_code_conformance], headers=headers
            )
        except Exception as error:
            if answer.status_code not in (401, 403, 429, 503):
                told.add(f"{answer.status_code} {type(error).__name__}")

    # Where everything is allowed, nothing can be forbidden.
    with suppress(Unsatisfiable):
        ask()
    return count, told


if __name__ == "__main__":
    main(Path(sys.argv[1]))
