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
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.web.succeeding import Asked, ask_everybody, fill
from tests.web.world import make_space

from allears.guard.access import Role
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
    return _described(space)


def _described(space: Space) -> Any:
    app = build(space, parts=PARTS, host="testserver")
    return schemathesis.openapi.from_asgi("/api/openapi.json", app, config=SchemathesisConfig())


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


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Any, dict[str, str], dict[str, Asked]]]:
    folder = tmp_path_factory.mktemp("filled") / "space"
    make_space(folder)
    with Space.open(folder) as opened:
        asked = fill(opened)
        made = {
            str(role): opened.keys.make(role, role, partner="Postwing" if role is Role.PARTNER else None)[0]
            for role in Role
        }
        yield _described(opened), made, asked


def test_every_operation_succeeds_once_and_for_nobody_who_may_not(
    filled: tuple[Any, dict[str, str], dict[str, Asked]],
) -> None:
    described, keys, asked = filled
    went = ask_everybody(described, keys, asked, CHECKS)
    assert (went.wrong, went.unreached) == ([], [])
    assert len(went.succeeded) == sum(1 for _ in described.get_all_operations()) > 50


def test_what_is_wrong_is_told_by_the_name_that_a_program_knows(
    filled: tuple[Any, dict[str, str], dict[str, Asked]],
) -> None:
    described, keys, asked = filled
    told = []
    for found in described.include(path_regex="^/api/").get_all_operations():
        operation = found.ok()
        place = f"{operation.method.upper()} {operation.path}"
        how, given = asked.get(place, Asked()), operation.definition.raw
        role = {"POST /api/refused/replay": "engineer", "GET /api/moves": "agent"}.get(place, "privacy")
        queries = [one["name"] for one in given.get("parameters", ()) if one["in"] == "query"]
        content = given.get("requestBody", {}).get("content", {"application/json": {"schema": {}}})
        fields = list(content["application/json"]["schema"].get("properties", ()))
        known = {*queries, *fields, *how.within, "$"}
        for name in [*queries, *fields]:
            blank = {name: "  "}
            answer = operation.Case(
                path_parameters=dict(how.within),
                query=blank if name in queries else {},
                body=(how.body or {}) | blank if fields else NOT_SET,
                media_type="application/json",
            ).call(headers={"Authorization": f"Bearer {keys[role]}"})
            if answer.status_code == 400:
                said = answer.json()["error"]["place"]
                told.append(said)
                assert said.removeprefix("$.").split("[")[0] in known, f"{place}: {name} is called {said}"
    assert {"why", "how", "outcome", "told", "to", "by", "every", "limit"} <= set(told)


def test_an_operation_that_nobody_says_how_to_succeed_with_is_found(
    filled: tuple[Any, dict[str, str], dict[str, Asked]],
) -> None:
    described, keys, asked = filled
    forgotten = {place: how for place, how in asked.items() if place != "POST /api/holds"}
    went = ask_everybody(described.include(path="/api/holds"), keys, forgotten, CHECKS)
    assert went.unreached == ["POST /api/holds"]


def test_a_key_that_asks_too_often_and_a_strange_name_are_in_the_description(space: Space) -> None:
    key, _ = space.keys.make("cio", "slow", per_minute=1)
    described = _described(space)
    case = described["/api/topics"]["GET"].Case()
    slow = [case.call(headers={"Authorization": f"Bearer {key}"}) for _ in range(3)]
    strange = case.call(headers={"Host": "elsewhere.example"})
    assert (slow[-1].status_code, strange.status_code) == (429, 421)
    for answer in (*slow, strange):
        case.validate_response(answer, checks=CHECKS)


def _ask(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    # Where everything is allowed, nothing can be forbidden.
    with suppress(*[Unsatisfiable] * (mode is GenerationMode.NEGATIVE)):
        ask()
