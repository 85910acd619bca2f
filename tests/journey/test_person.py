"""One customer seen whole: traits with their sources, relationships kept apart, and one reading of the lake for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allears.clock import SetClock
from allears.journey import signals_of
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = """
[know]
trait_rules = {plan = "trusted"}
trusted_sources = ["crm"]
"""


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    folder = tmp_path / "acme"
    Space.open(folder, clock=SetClock(NOW)).close()
    with (folder / "allears.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    with Space.open(folder, clock=SetClock(NOW)) as opened:
        yield opened


def hear(space: Space, source: str, *rows: dict[str, Any], hours: int = 10) -> None:
    for number, row in enumerate(rows):
        at = NOW - timedelta(hours=hours - number)
        whole = {"signal_id": f"{source}{number}", "occurred_at": at.isoformat(), "channel": "web"} | row
        space.hear([whole | {"identifiers": {"user_id": "ada"}}], source=source)
    space.digest(look=False)


def fill(space: Space) -> None:
    hear(
        space,
        "crm",
        {"kind": "profile", "properties": {"plan": "gold", "city": "Rome"}},
        {
            "text": "the till is broken, terrible",
            "relationship": "employee",
            "channel": "chat",
            "thread": "t1",
        },
    )
    hear(
        space,
        "app",
        # Who is known as an employee is one wherever a row says nothing else.
        {"kind": "profile", "properties": {"plan": "free", "city": "Rome"}, "relationship": "consumer"},
        {"text": "I love my new shoes, great", "thread": "t2", "relationship": "consumer"},
        {"kind": "event", "name": "Opened", "relationship": "consumer"},
        hours=7,
    )


def test_traits_say_where_each_came_from_and_follow_the_settings(space: Space) -> None:
    fill(space)
    found = {t["trait"]: t for t in space.customer("ada").traits()}
    assert (found["plan"]["value"], found["plan"]["source"], found["plan"]["rule"]) == (
        "gold",
        "crm",
        "trusted",
    )
    assert found["plan"]["differs"] and [c["value"] for c in found["plan"]["told"]] == ["gold", "free"]
    assert (found["city"]["source"], found["city"]["differs"]) == ("app", False)


def test_who_is_employee_and_consumer_is_told_apart(space: Space) -> None:
    fill(space)
    person = space.customer("ada")
    sides = person.overview()["by_relationship"]
    assert {side: told["signals"] for side, told in sides.items()} == {"consumer": 3, "employee": 2}
    assert sides["employee"]["sentiment"] < 0 < sides["consumer"]["sentiment"]
    assert person.timeline(relationship="employee")["signal_id"].to_pylist() == ["crm:crm1", "crm:crm0"]
    assert person.timeline(relationship="consumer").num_rows == 3


def test_what_is_read_once_and_what_the_engine_answers_are_the_same(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(space)

    def seen() -> list[Any]:
        person = space.customer("ada")
        pages = [person.timeline(limit=2, before=at) for at in (None, NOW - timedelta(hours=6))]
        sides = [person.timeline(relationship=side) for side in ("consumer", "employee", "partner")]
        rows = [table.to_pylist() for table in (*pages, *sides)]
        return [person.overview(), person.dealings(), person.traits(), rows]

    held = seen()
    monkeypatch.setattr(signals_of, "MOST_HELD", 2)
    assert space.customer("ada")._signals.held() is None
    assert seen() == held


def test_a_page_that_stays_open_sees_what_came_and_not_what_was_erased(space: Space) -> None:
    fill(space)
    person = space.customer("ada")
    assert person.timeline().num_rows == 5
    hear(space, "mail", {"text": "hello again"})
    assert person.timeline().num_rows == 6
    space.erase("ada")
    assert person.timeline().num_rows == 0
