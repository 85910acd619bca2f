"""A breach has a clock, keeps every decision with its reason, and finds whom it concerns in the audit and the lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allears.clock import SetClock
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.trail import steps_of, targets_of
from allears.journey import affected
from allears.journey.breaches import CLOCK, add, decide, judge, open_breach
from allears.space import Space

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = 5


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    """A space whose time is today's: the audit tells no other."""
    with Space.open(tmp_path / "s") as made:
        fill(made)
        yield made


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "timed", clock=SetClock(NOW + HOUR)) as made:
        yield made


def fill(made: Space) -> None:
    for source, people in (("desk", range(3)), ("shop", range(2, PEOPLE))):
        rows = [
            {
                "signal_id": f"{source}{n}", "text": f"Call me on +44 20 7946 095{n}, my order is late", "channel": "chat",
                "identifiers": {"email": f"p{n}@example.com"}, "relationship": "consumer",
            }
            for n in people
        ]  # fmt: skip
        made.hear(rows, source=source)
    made.digest(look=False)


def later(space: Space, by: timedelta) -> None:
    clock = space.ground.clock
    assert isinstance(clock, SetClock)
    clock.set(clock.now() + by)


def ids(space: Space, *people: int) -> list[str]:
    return sorted(space.customer(f"p{n}@example.com").id for n in people)


def look(space: Space, name: str, *people: int) -> None:
    who = Principal(name, Role.AGENT)
    rows = space.ground.engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist()
    for n in people:
        assert space.customer(f"p{n}@example.com").originals(who, "they called", rows)


def test_whoever_s_originals_were_opened_by_that_account_in_that_time_is_found(space: Space) -> None:
    look(space, "user:ann", 0)
    began = space.now()
    look(space, "user:ann", 1, 3)
    look(space, "user:bo", 4)
    made = space.open_breach("a password was phished", began_at=began, actors=["user:ann"])
    found = affected.affected(space.ground, made)
    assert found.certain == ids(space, 1, 3) and found.reach == frozenset()
    assert found.told["ways"] == [
        {"way": "originals or profiles opened", "degree": "seen", "entries": 2, "customers": 2}
    ]
    kinds = {row["what"]: row for row in found.told["data"]}
    assert kinds["hidden in texts, in the sealed original: phone"]["people"] == 2
    assert found.told["people"] == {"consumer": 2} and found.told["records"] == 2


def test_a_look_before_two_were_joined_is_a_look_at_the_one_they_are_today(space: Space) -> None:
    look(space, "user:ann", 0, 1)
    space.merge("p0@example.com", "p1@example.com", why="one person")
    made = space.open_breach("phished", actors=["user:ann"])
    assert affected.affected(space.ground, made).certain == ids(space, 0)


def test_an_export_concerns_everybody_who_was_stored_by_then(space: Space) -> None:
    space.export("signals", space.ground.folder / "out.csv", "csv")
    space.export("topics", space.ground.folder / "topics.csv", "csv")
    space.hear([{"text": "I came later", "identifiers": {"email": "new@example.com"}}], source="desk")
    space.digest(look=False)
    made = space.open_breach("the laptop is gone", actors=[space.actor])
    found = affected.affected(space.ground, made)
    assert sorted(found.seen) == ids(space, *range(PEOPLE))
    assert [w["way"] for w in found.told["ways"] if w["degree"] == "seen"] == ["exported: signals"]
    assert len(found.reach) == PEOPLE + 1, "who holds the folder can read everybody"


def test_a_source_concerns_those_it_sent(space: Space) -> None:
    made = space.open_breach("the shop's key leaked", sources=["shop"])
    found = affected.affected(space.ground, made)
    assert found.certain == ids(space, 2, 3, 4) and found.told["records"] == 3
    space.hear([{"text": "Nobody wrote this"}], source="kiosk")
    space.digest(look=False)
    stranger = affected.affected(space.ground, space.open_breach("a kiosk's key", sources=["kiosk"]))
    assert stranger.certain == [] and stranger.told["data"] == [
        {"what": "of nobody known", "records": 1, "people": None}
    ]
    everybody = space.open_breach("the disk is gone", everything=True)
    assert affected.affected(space.ground, everybody).certain == ids(space, *range(PEOPLE))


def test_a_key_s_reach_follows_from_its_role_and_scopes(space: Space) -> None:
    def reach(role: str, *scopes: str) -> int:
        _, record = space.keys.make(role, "k", scopes=scopes, at=space.now())
        made = space.open_breach("a key leaked", actors=[f"key:{record.id}"])
        return len(affected.affected(space.ground, made).reach)

    assert reach("analyst") == PEOPLE
    assert reach("sender") == 0 and reach("engineer") == 0
    assert reach("analyst", "listen") == 0


def test_entries_tell_to_whom_only_those_who_know_the_name(space: Space) -> None:
    look(space, "user:ann", 0)
    steps = steps_of(space.ground.desk, ["user:ann"], NOW, space.now() + HOUR)
    assert [s.action for s in steps] == ["open_sealed"]
    assert targets_of(steps, ids(space, 1, 2)) == {}
    assert set(targets_of(steps, ids(space, 0, 1)).values()) == set(ids(space, 0))


def test_seventy_two_hours_run_from_when_it_was_noticed(timed: Space) -> None:
    made = open_breach(timed.ground, "lost", actor="o", noticed_at=NOW)
    assert timed.breaches()[0]["hours_left"] == 71 and timed.breaches()[0]["due_at"] == NOW + CLOCK
    later(timed, CLOCK)
    assert timed.breaches()[0]["hours_left"] == -1
    with pytest.raises(Refused, match="late"):
        decide(timed.ground, made, "authority", "by their form", told=True, actor="o")
    add(timed.ground, made, "delay", "the logs had to be read first", actor="o")
    decide(timed.ground, made, "authority", "by their form", told=True, actor="o")
    assert timed.breaches()[0]["hours_left"] is None


def test_it_closes_only_when_everything_is_decided(space: Space) -> None:
    made = space.open_breach("a mail to the wrong list")
    assert len(space.breaches()[0]["left"]) == 2
    with pytest.raises(Refused, match="how high the risk is"):
        space.close_breach(made, "done")
    with pytest.raises(Refused, match="judge it"):
        space.decide_breach(made, "authority", "no need", told=False)
    judge(space.ground, made, "high", "passwords were in it", actor="o")
    space.decide_breach(made, "authority", "form 33")
    with pytest.raises(Refused, match="article 34"):
        space.close_breach(made, "done")
    space.decide_breach(made, "people", "by letter")
    space.close_breach(made, "done")
    assert space.breaches() == [] and space.breaches(closed=True)[0]["breach"] == made
    with pytest.raises(NotFound):
        space.note_breach(made, "note", "too late")


def test_what_is_written_is_redacted_kept_and_audited(space: Space) -> None:
    made = space.open_breach("Ada's number +44 20 7946 0958 was on a screen", place="call centre")
    space.note_breach(made, "consequence", "unwanted calls")
    space.note_breach(made, "measure", "screens are turned away")
    told = space.breach(made)
    assert [n["kind"] for n in told["notes"]] == ["opened", "consequence", "measure"]
    assert "7946" not in str(told)
    actions = [e.action for e in space.ground.audit.entries(3)]
    assert actions == ["breach.measure", "breach.consequence", "breach.opened"]


def test_the_draft_has_the_fields_of_article_33_and_makes_nothing_up(space: Space) -> None:
    made = space.open_breach("the shop's key leaked", sources=["shop"])
    draft = space.breach(made)["notice"]
    assert draft.count("not stated yet") >= 5 and "People concerned, approximately: 3" in draft
    (space.ground.folder / "register.toml").write_text(
        '[controller]\nname = "Acme"\nofficer = "dpo@acme.example"\nauthority = "CNIL"\n', "utf-8"
    )
    space.note_breach(made, "consequence", "unwanted calls")
    draft = space.breach(made)["notice"]
    for part in (
        "(a) Nature",
        "(b) Contact",
        "dpo@acme.example",
        "(c) Likely",
        "unwanted calls",
        "(d) Measures",
        "CNIL",
    ):
        assert part in draft


def test_ids_leave_only_with_a_second_person_however_few(space: Space, tmp_path: Path) -> None:
    made = space.open_breach("the shop's key leaked", sources=["shop"])
    out = tmp_path / "people.csv"
    with pytest.raises(NotAllowed, match="second person"):
        space.breach_people(made, out)
    asked = space.ask_breach_people(made, why="to tell them")
    space.approvals.settle(Principal("user:eva", Role.PRIVACY), asked.id, yes=True)
    assert space.breach_people(made, out) == 3
    assert out.read_text("utf-8").split() == ["customer", *ids(space, 2, 3, 4)]
    assert out.stat().st_mode & 0o77 == 0
    with pytest.raises(NotAllowed):
        space.breach_people(made, tmp_path / "again.csv")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"what": " "}, "what happened"),
        ({"nature": ["theft"]}, "one or more of"),
        ({"sources": ["shpo"]}, "ever heard from shpo"),
        ({"noticed_at": datetime(2999, 1, 1, tzinfo=UTC)}, "times that are over"),
        ({"began_at": NOW, "ended_at": NOW - HOUR}, "before its end"),
    ],
    ids=["nothing said", "unknown nature", "unknown source", "in the future", "wrong way round"],
)
def test_what_cannot_be_is_refused(space: Space, wrong: dict[str, object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        space.open_breach(**({"what": "lost"} | wrong))  # type: ignore[arg-type]
