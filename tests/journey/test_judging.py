"""Redaction judged by people: a fair sample, no text kept, and an interval that says how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from allears.desk.judging import RedactionJudgement
from allears.errors import Refused
from allears.guard.redaction.version import method
from allears.journey import judging
from allears.measure.intervals import wilson
from allears.space import Space

TEXTS = 40


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "s") as made:
        rows = [
            {"signal_id": f"m{n}", "text": f"Parcel {n} for +44 20 7946 0958", "channel": "chat", "identifiers": {"user_id": f"u{n}"}}
            for n in range(TEXTS)
        ]  # fmt: skip
        made.hear(
            [*rows, {"signal_id": "e", "name": "Viewed", "identifiers": {"user_id": "u1"}}], source="desk"
        )
        made.digest(look=False)
        yield made


def test_each_text_has_the_same_chance_and_none_is_drawn_again_once_judged(space: Space) -> None:
    drawn = Counter(text["name"] for _ in range(100) for text in space.draw_texts(8).texts)
    assert len(drawn) == TEXTS
    # Each is expected 20 times, with a standard deviation of 4: six of these either way is a broken draw.
    assert min(drawn.values()) >= 1 and max(drawn.values()) < 44
    seen: set[str] = set()
    while (some := space.draw_texts(15)).texts:
        assert some.population == TEXTS and seen.isdisjoint(t["name"] for t in some.texts)
        for text in some.texts:
            assert "7946" not in text["text"]
            space.judge_text(text["name"], "clean", some)
            seen.add(text["name"])
    assert len(seen) == TEXTS


def test_the_estimate_is_wilsons_of_what_was_judged_and_says_under_which_rules(space: Space) -> None:
    drawn = space.draw_texts(12)
    verdicts = ["missed"] * 2 + ["both"] + ["too_much"] + ["cannot_tell"] * 2 + ["clean"] * 6
    for text, verdict in zip(drawn.texts, verdicts, strict=True):
        space.judge_text(text["name"], verdict, drawn)
    (now,) = space.redaction_quality()
    expected = wilson(3, 10)
    assert (now["n"], now["cannot_tell"], now["population"], now["until"]) == (10, 2, TEXTS, drawn.at)
    assert now["missed"] == {"hits": 3, "share": 0.3, "low": expected.low, "high": expected.high}
    assert now["too_much"]["hits"] == 2 and now["present"]
    # Other rules: what was judged under the earlier ones says nothing of them.
    with space.ground.desk.session() as session:
        for row in session.scalars(select(RedactionJudgement)):
            row.method = "standard, rules 000000000000"
    present, earlier = space.redaction_quality()
    assert present["present"] and present["missed"] is None and not present["n"]
    assert not earlier["present"] and earlier["n"] == 10


def test_nothing_of_a_text_is_kept_and_its_name_stands_in_no_other_table(space: Space) -> None:
    drawn = space.draw_texts(1)
    space.judge_text(drawn.texts[0]["name"], "missed", drawn)
    with space.ground.desk.reading() as session:
        row = session.scalars(select(RedactionJudgement)).one()
    kept = str({column.name: getattr(row, column.name) for column in RedactionJudgement.__table__.columns})
    assert "Parcel" not in kept and "m" + drawn.texts[0]["text"].split()[1] not in kept
    assert row.text not in str(space.ground.graph.identities().to_pylist())


def test_what_was_not_drawn_or_was_judged_meanwhile_is_refused(space: Space) -> None:
    drawn = space.draw_texts(1)
    name = drawn.texts[0]["name"]
    for wrong in (("x" * 32, "clean"), (name, "perfect")):
        with pytest.raises(Refused):
            space.judge_text(*wrong, drawn)
    space.judge_text(name, "clean", drawn)
    with pytest.raises(Refused):
        space.judge_text(name, "missed", drawn)


def test_whoever_is_restricted_is_not_drawn(space: Space) -> None:
    space.restrict("u3", why="contests it")
    drawn = judging.draw(space.ground, n=TEXTS)
    assert len(drawn.texts) == drawn.population == TEXTS - 1
    assert not any("Parcel 3 " in text["text"] for text in drawn.texts)


def test_rules_have_the_same_name_as_long_as_they_are_the_same() -> None:
    assert method("standard") == method("standard") != method("standard", keep=["name"]) != method("strict")
