"""The HTTP doors and questions against their own description: whatever it allows or forbids is answered as it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from allears.space import Space
from allears.web.app import build

# A 500 is in no description; "too little to answer from yet" (503) is.
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
PARTS = frozenset({"listen", "web"})


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    rows = [
        {
            "signal_id": f"m{i}",
            "text": "Late again",
            "channel": "chat",
            "identifiers": {"user_id": f"u{i % 7}"},
        }
        for i in range(30)
    ]
    with Space.open(tmp_path_factory.mktemp("described") / "space") as opened:
        opened.hear(rows, source="desk")
        opened.digest(look=False)
        yield opened


@pytest.fixture(scope="module")
def keys(space: Space) -> dict[str, str]:
    return {role: space.keys.make(role, role)[0] for role in ("cio", "engineer", "agent")}


@pytest.fixture(scope="module")
def described(space: Space) -> Any:
    return schemathesis.openapi.from_asgi(
        "/api/openapi.json", build(space, parts=PARTS, host="testserver"), config=SchemathesisConfig()
    )


BOUNDED = settings(
    max_examples=5,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_whatever_is_asked_is_answered_as_the_description_says(described: Any, keys: dict[str, str]) -> None:
    seen = set()
    for found in described.get_all_operations():
        operation = found.ok()
        role = (
            "engineer" if operation.method == "post" else "agent" if operation.path == "/api/moves" else "cio"
        )
        for mode in GenerationMode:
            _ask(operation, mode, {"Authorization": f"Bearer {keys[role]}"})
        seen.add(operation.path)
    assert {"/api/issues", "/api/trust", "/v1/batch", "/v1/traces", "/signals"} <= seen


def _ask(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    # Where everything is allowed, nothing can be forbidden.
    with suppress(*[Unsatisfiable] * (mode is GenerationMode.NEGATIVE)):
        ask()
