"""Four eyes at the doors: what concerns many people waits for a second person, or says why it did not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.errors import NotAllowed, NotFound
from allears.guard.access import Principal, Role
from allears.journey.many import people_in_table, subject_of
from allears.settings import GuardSettings, Settings
from allears.space import Space

FOUR = Settings(guard=GuardSettings(four_eyes_above=3))
PIA = Principal("user:pia", Role.PRIVACY)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with Space.open(tmp_path_factory.mktemp("many") / "acme", settings=FOUR) as space:
        rows = [
            {"text": "Late again", "signal_id": f"m{n}", "identifiers": {"user_id": f"u{n % 5}"}}
            for n in range(10)
        ]
        space.hear(rows, source="desk")
        space.digest(look=False)
        yield space


def test_an_export_of_many_people_waits_for_a_second_person(space: Space, tmp_path: Path) -> None:
    assert people_in_table(space.ground, "signals") == 5
    with pytest.raises(NotAllowed):
        space.export("signals", tmp_path / "one.json", "json")
    assert not (tmp_path / "one.json").exists()
    asked = space.ask_export("signals", why="for the board")
    with pytest.raises(NotAllowed):
        space.settle_approval(asked.id, yes=True)
    space.approvals.settle(PIA, asked.id, yes=True)
    assert space.export("signals", tmp_path / "two.json", "json")[0] == 10
    with pytest.raises(NotAllowed):
        space.export("signals", tmp_path / "three.json", "json")


def test_who_does_it_alone_says_why_and_it_is_in_the_audit(space: Space, tmp_path: Path) -> None:
    before = space.verify_audit().entries
    assert space.export("signals", tmp_path / "four.json", "json", alone="moving house")[0] == 10
    assert space.verify_audit().entries == before + 2


def test_a_table_that_tells_of_few_or_of_nobody_waits_for_nobody(space: Space, tmp_path: Path) -> None:
    space.export("topics", tmp_path / "topics.json", "json")
    with pytest.raises(NotFound):
        people_in_table(space.ground, "users")


def test_erasing_many_waits_for_a_second_person_who_agreed_to_the_same_list(space: Space) -> None:
    everybody = [f"u{n}" for n in range(5)]
    with pytest.raises(NotAllowed):
        space.require_second_to_erase(everybody)
    asked = space.ask_erasure(everybody, why="the shop closed")
    assert "u0" not in asked.subject
    space.approvals.settle(PIA, asked.id, yes=True)
    with pytest.raises(NotAllowed):
        space.require_second_to_erase([*everybody[:4], "u9"])
    space.require_second_to_erase(everybody[::-1])
    space.require_second_to_erase(everybody[:3])


def test_a_list_has_one_name_in_any_order_and_no_other_has_it(space: Space) -> None:
    names = {subject_of(space.ground, people) for people in (["a", "b"], ["b", "a", "b"], ["a"], ["ab"])}
    assert len(names) == 3


def test_four_eyes_may_be_switched_off(tmp_path: Path) -> None:
    settings = Settings(guard=GuardSettings(four_eyes_above=-1))
    with Space.open(tmp_path / "acme", settings=settings) as space:
        space.require_second("export", "signals", 1_000_000)
