"""The day's work: topics found keep their ids, verdicts are written down, and playbooks that wait for them run once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allears.act import issue as issue_desk
from allears.act.verdict import verdicts
from allears.clock import SetClock
from allears.journey import daily, effects, models
from allears.space import Space
from allears.tables import TABLES

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WORDS = [
    "gift",
    "card",
    "sunday",
    "opening",
    "lamp",
    "bicycle",
    "basket",
    "chair",
    "table",
    "river",
    "stone",
    "window",
    "garden",
    "blanket",
    "kettle",
]
PLAYBOOK = """
name = "tell-the-board"
says = "somebody looks again when it cannot be told whether a fix worked"
goal = { measure = "verdicts that can be told", within_days = 56 }
holdout = 0.0

[when]
on = "verdict"
said = ["cannot tell"]

[[then]]
do = "open case"
department = "service"
priority = "P4"
title = "look at a fix again"
"""


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOON)) as opened:
        draw = random.Random(1)
        opened.hear(
            [
                {
                    "signal_id": f"m{n}",
                    "text": " ".join(draw.choices(WORDS, k=8)),
                    "occurred_at": (NOON - timedelta(hours=n)).isoformat(),
                    "identifiers": {"user_id": f"u{n}"},
                }
                for n in range(400)
            ],
            source="mail",
        )
        opened.digest(look=False)
        found = {
            "issue": "i1", "title": "late", "kind": "issue", "topics": [], "facets": "{}", "terms": [], "exemplars": ["m1"],
            "signal_ids": [f"m{n}" for n in range(30)], "first_signal_at": NOON - 8 * DAY, "detected_at": NOON - 7 * DAY, "signals": 30,
            "customers": 30, "expected": 1.0, "growth": 2.0, "score": 9.0, "factors": "{}", "method": "test",
        }  # fmt: skip
        issue_desk.record(opened.ground.desk, TABLES["issues"].rows([found]), at=NOON - 7 * DAY)
        issue_desk.mark_fixed(opened.ground.desk, "i1", "user:bo", NOON - 2 * DAY)
        yield opened


def test_it_is_due_once_a_day(space: Space) -> None:
    assert space.daily_due()
    steps = list(space.daily())
    assert not space.daily_due()
    assert steps[0].startswith("topics") and "verdict on i1" in steps[1]
    space.ground.clock = SetClock(NOON + DAY)
    assert space.daily_due()
    space.ground.clock = SetClock(NOON - DAY)
    assert space.daily_due(), "a clock set back must not put it off until it has caught up"


def test_stopped_half_way_it_stays_due(space: Space) -> None:
    next(space.daily())
    assert space.daily_due()


def test_verdicts_are_written_down_and_playbooks_that_wait_for_them_run_once(space: Space) -> None:
    folder = space.ground.folder / "playbooks"
    folder.mkdir()
    (folder / "tell-the-board.toml").write_text(PLAYBOOK)
    list(space.daily())
    assert {v["part"] for v in verdicts(space.ground.desk, "i1")} == {"stated", "behavioural", "both"}
    list(space.daily())
    assert [c["title"] for c in space.cases()] == ["look at a fix again"]
    assert [m["playbook"] for m in space.moves()] == ["tell-the-board"]


def test_a_verdict_is_measured_at_most_once_a_day(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    measure = effects.verdict_of
    monkeypatch.setattr(effects, "verdict_of", lambda *given: asked.append("i1") or measure(*given))
    first = space.verdicts()
    assert first.num_rows == 3 and space.verdicts() == first and asked == ["i1"]
    space.ground.clock = SetClock(NOON + 2 * DAY)
    space.hear([{"text": "Hello again", "occurred_at": (NOON + 2 * DAY).isoformat()}], source="mail")
    space.digest(look=False)
    assert space.verdicts()["cutoff"][0].as_py() == NOON + 2 * DAY and len(asked) == 2


def test_topics_found_today_have_yesterdays_ids(space: Space) -> None:
    list(space.daily())
    first = {f.id for f in models.found_of(space.ground)}
    assert first
    list(space.daily())
    assert {f.id for f in models.found_of(space.ground)} == first


def test_an_issue_fixed_long_ago_is_judged_no_more(space: Space) -> None:
    assert [i["id"] for i in daily.fixed_lately(space.ground)] == ["i1"]
    later = NOON + 100 * DAY
    space.ground.clock = SetClock(later)
    space.hear([{"text": "Hello", "occurred_at": later.isoformat()}], source="mail")
    space.digest(look=False)
    assert daily.fixed_lately(space.ground) == []
