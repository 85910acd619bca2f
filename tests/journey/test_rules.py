"""What a space sets by hand: it is followed, a wrong file is named, and one gone wrong while running stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from allears.act.clocks import deadlines
from allears.act.route import route
from allears.errors import Refused
from allears.journey import rules
from allears.measure.objectives import Objective, Objectives, overridden
from allears.space import Space

ROUTES = '[[rule]]\nname = "all"\ndepartment = "front desk"\npriority = "P2"\n'
CLOCKS = '[P2]\nacknowledge = {amount = 30, unit = "minutes"}\nresolve = {amount = 2, unit = "days"}\n'
ISSUE = {"title": "late", "terms": [], "topics": [], "facets": {}}


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as opened:
        yield opened


def test_nothing_set_is_as_it_ships(space: Space) -> None:
    assert len(rules.routes(space.ground).rule) > 1
    assert rules.objectives(space.ground) == Objectives()
    assert all(c["ok"] for c in space.check_rules())


def test_what_is_set_is_followed(space: Space) -> None:
    folder = space.ground.folder
    (folder / "routes.toml").write_text(ROUTES)
    (folder / "clocks.toml").write_text(CLOCKS)
    assert route(rules.routes(space.ground), ISSUE).departments == ("front desk",)
    at = datetime(2026, 5, 9, tzinfo=UTC)
    assert (deadlines(rules.clocks(space.ground), "P2", at)[0] - at).total_seconds() == 1800


def test_a_calendar_that_names_no_zone_has_the_companys(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    Space.open(folder).close()
    (folder / "allears.toml").write_text('[space]\nname = "acme"\ntimezone = "Europe/Rome"\ncountry = "IT"\n')
    (folder / "clocks.toml").write_text("[calendar]\nopens = 08:00:00\n")
    with Space.open(folder) as space:
        calendar = rules.clocks(space.ground).calendar
    assert (calendar.timezone, calendar.country, calendar.opens.hour) == ("Europe/Rome", "IT", 8)


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("routes.toml", '[[rule]]\nname = "a"\ndepartment = 7\npriority = "P2"\n', "rule[0].department"),
        ("routes.toml", ROUTES.replace("P2", "P9"), "rule[0].priority"),
        ("clocks.toml", "[P2]\nacknowledge = 4\n", "P2.acknowledge"),
        ("clocks.toml", '[calendar]\ntimezone = "Mars/Base"\n', "zone"),
        (
            "objectives.toml",
            '[[objective]]\nservice = "a"\nname = "b"\ntarget = 1.5\n',
            "objective[0].target",
        ),
        ("objectives.toml", '[[objective]]\nservice = "a"\nname = "b"\ntargt = 0.5\n', "targt"),
        ("objectives.toml", "[[objective\n", "TOML"),
        ("objectives.toml", "[sources.chat]\nrefusd = 0.01\n", "sources.chat"),
        ("objectives.toml", "[sources.chat]\nrefused = 1\n", "$.refused"),
        ("objectives.toml", '[sources.chat]\nfresh = "soon"\n', "$.fresh"),
        ("objectives.toml", '[sources.chat]\nfresh = "8d"\n', "at most 7d"),
        ("objectives.toml", "[source.chat]\nrefused = 0.01\n", "source"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(space: Space, file: str, text: str, place: str) -> None:
    (space.ground.folder / file).write_text(text)
    found = next(c for c in space.check_rules() if c["check"] == file)
    assert not found["ok"] and place in found["says"]
    with pytest.raises(Refused):
        space.require_rules()


def test_a_file_gone_wrong_later_leaves_the_one_before_in_force(space: Space) -> None:
    path = space.ground.folder / "routes.toml"
    path.write_text(ROUTES)
    space.require_rules()
    path.write_text("[[rule]]\nname = 3\n")
    assert route(rules.routes(space.ground), ISSUE).departments == ("front desk",)


def test_a_source_that_was_never_heard_is_named_beside_its_objectives(space: Space) -> None:
    space.hear([{"text": "Hello"}], source="chat")
    space.digest(look=False)
    (space.ground.folder / "objectives.toml").write_text("[sources.chat]\n[sources.chta]\n")
    found = next(c for c in space.check_rules() if c["check"] == "objectives.toml")
    assert found["ok"] and found["says"].endswith("nothing was heard yet of chta")


def test_an_objective_by_hand_takes_the_place_of_the_one_worked_out() -> None:
    worked_out = [Objective(service="a", name="availability"), Objective(service="b", name="availability")]
    mine = Objective(service="a", name="availability", target=0.9)
    own = Objective(service="a", name="checkout", below_ms=100.0)
    assert overridden(worked_out, [mine, own]) == [mine, own, worked_out[1]]
