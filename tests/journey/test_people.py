"""People as somebody may see them: rows within a sight, fields that are not masked, all of one through a broken glass."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allears.clock import SetClock
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.journey import people, rules, seen
from allears.know.profile import FIELD
from allears.space import Space
from allears.tables.signals import RELATIONSHIPS

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
REGIONS = ("DE", "DE-BY", "FR", "fr", None)
ACCOUNTS = ("acct-one", "acct-two", None)
WHY = "accident reported by telephone"
GLASS = "[roles.agent]\nbreak_glass_minutes = 30\n"

Drawn = dict[str, Any]


def word(number: int) -> str:
    """Make a word that no other signal holds."""
    return f"zq{number:03d}xv"


class World:
    """A space in which each customer wrote once; whose each row is, by number."""

    def __init__(self, space: Space, clock: SetClock) -> None:
        self.space, self.clock = space, clock
        self.facts = [
            {"region": REGIONS[n % 5], "account": ACCOUNTS[n % 3], "relationship": RELATIONSHIPS[n // 5 % 3]}
            for n in range(45)
        ]
        rows = [
            {
                "signal_id": f"s{n}", "occurred_at": (NOW - timedelta(hours=n + 1)).isoformat(), "channel": "chat", "kind": "feedback",
                "text": f"My parcel {word(n)} never came", "thread": f"t{n}", "properties": {"note": f"pq{n:03d}xw"},
                "relationship": fact["relationship"],
                "identifiers": {"user_id": f"u{n}"} | ({"account": fact["account"]} if fact["account"] else {}),
            }
            | ({"region": fact["region"]} if fact["region"] else {})
            for n, fact in enumerate(self.facts)
        ]  # fmt: skip
        space.hear(rows, source="desk")
        space.digest(look=False)
        space.publish()
        self.ids = [space.customer(f"u{n}").id for n in range(45)]

    def say(self, text: str) -> None:
        """Write access.toml."""
        (self.space.ground.folder / "access.toml").write_text(text)

    def sql(self, who: Principal, text: str) -> list[dict[str, Any]]:
        return list(people.sql(self.space.ground, self.space.permit("analytics"), who, text).to_pylist())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    clock = SetClock(NOW)
    with tempfile.TemporaryDirectory() as folder, Space.open(Path(folder) / "acme", clock=clock) as space:
        yield World(space, clock)


def may_see(extent: Drawn, closed: list[str], fact: dict[str, Any]) -> bool:
    """Say slowly and obviously whether a row is within a sight."""
    region = (fact["region"] or "").upper()
    if extent["regions"] and not any(
        region == r.upper() or region.startswith(r.upper() + "-") for r in extent["regions"]
    ):
        return False
    if extent["accounts"] and fact["account"] not in extent["accounts"]:
        return False
    if extent["relationships"] and fact["relationship"] not in extent["relationships"]:
        return False
    return fact["relationship"] not in set(closed) - set(extent["relationships"])


extents = st.fixed_dictionaries(
    {
        "regions": st.lists(st.sampled_from(["DE", "de-by", "FR", "US"]), max_size=2, unique=True),
        "accounts": st.lists(st.sampled_from(["acct-one", "acct-two"]), max_size=1),
        "relationships": st.lists(st.sampled_from(RELATIONSHIPS), max_size=2, unique=True),
    }
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(extents, st.lists(st.sampled_from(RELATIONSHIPS), max_size=1))
def test_whatever_a_sight_says_its_rows_are_seen_and_no_other(
    world: World, extent: Drawn, closed: list[str]
) -> None:
    fields = "\n".join(f"{name} = {json.dumps(values)}" for name, values in extent.items())
    world.say(f"[closed]\nrelationships = {json.dumps(closed)}\n[sights.mine]\n{fields}")
    who = Principal("user:ana", Role.AGENT, sight="mine")
    mine = {n for n, fact in enumerate(world.facts) if may_see(extent, closed, fact)}
    ground = world.space.ground
    assert {row["customer"] for row in people.customers(ground, who)} == {world.ids[n] for n in mine}
    assert seen.visible(ground, seen.sight(ground, who), world.ids) == {world.ids[n] for n in mine}
    for n in (0, 7, 21, 44):
        if n in mine:
            person = people.person(ground, who, f"u{n}")
            assert word(n) in person.timeline()["text"].to_pylist()[0]
            assert person.overview()["signals"] == 1
        else:
            with pytest.raises(NotFound) as raised:
                people.person(ground, who, f"u{n}")
            with pytest.raises(NotFound) as stranger:
                people.person(ground, who, "u-nobody")
            assert str(raised.value) == str(stranger.value)


TABLES = (
    "signals",
    "identities",
    "issues",
    "cases",
    "links",
    "surprises",
    "expectations",
    "measures",
    "refused",
    "topics",
)


def test_a_question_in_sql_finds_the_rows_of_a_sight_and_no_other(world: World) -> None:
    world.say('[sights.mine]\nregions = ["DE"]\naccounts = ["acct-one"]')
    who = Principal("user:ana", Role.ANALYST, sight="mine")
    own = [
        n
        for n, fact in enumerate(world.facts)
        if fact["region"] in ("DE", "DE-BY") and fact["account"] == "acct-one"
    ]
    found = world.sql(who, "SELECT text, customer_key FROM signals")
    assert {row["customer_key"] for row in found} == {world.ids[n] for n in own} and len(found) == len(
        own
    ) > 3
    others = [w for n in range(45) if n not in own for w in (word(n), f"pq{n:03d}xw", world.ids[n])]
    for table in TABLES:
        told = str(world.sql(who, f"SELECT * FROM {table}"))
        assert [w for w in others if w in told] == [], table
    assert world.sql(who, "SELECT count(*) AS n FROM identities")[0]["n"] > 0 or not own
    assert world.sql(who, f"SELECT * FROM signals WHERE text LIKE '%{word(2)}%'") == []


def test_a_masked_field_is_in_no_answer_and_cannot_be_searched_for(world: World) -> None:
    world.say('[roles.analyst]\nhide = ["text", "properties", "identifiers", "account"]')
    who = Principal("user:ana", Role.ANALYST)
    found = world.sql(who, "SELECT text, properties, identifiers, account, thread FROM signals")
    assert len(found) == 45
    assert {(row["text"], row["properties"], row["identifiers"], row["thread"]) for row in found if True} == {
        ("hidden", "hidden", None, "hidden")
    }
    assert {row["account"] for row in found} == {"hidden", None}
    assert world.sql(who, "SELECT 1 AS n FROM signals WHERE text LIKE '%zq%' OR properties LIKE '%pq%'") == []
    assert {row["digest"] for row in world.sql(who, "SELECT digest FROM identities")} <= {"hidden"}
    person = people.person(world.space.ground, who, "u7")
    told = str((person.overview(), person.timeline().to_pylist()))
    assert word(7) not in told and "pq007xw" not in told and "hidden" in told
    assert person.overview()["identifiers"] == {} and person.overview()["history"] == []


def test_what_is_hidden_is_not_opened(world: World) -> None:
    world.say('[roles.agent]\nhide = ["phone"]')
    ground, who = world.space.ground, Principal("user:ana", Role.AGENT)
    person = people.person(ground, who, "u7")
    opened: list[str] = []
    whole = ground.vault.open

    def watched(subjects: Any, sealed: Any, field: str, places: Any = None) -> Any:
        opened.append(field)
        return whole(subjects, sealed, field, places)

    ground.vault.open = watched  # type: ignore[method-assign]
    try:
        with pytest.raises(NotAllowed, match="phone"):
            person.originals(who, WHY, ["s7", "desk:s7"])
    finally:
        ground.vault.open = whole  # type: ignore[method-assign]
    # What they told is opened to clean the reason of it, and shown to nobody.
    assert set(opened) <= {FIELD}
    assert ground.audit.entries()[0].action == "open_sealed_denied"


def test_through_a_broken_glass_all_of_one_customer_is_seen_until_it_ends(world: World) -> None:
    world.say(GLASS + 'hide = ["text", "original"]\n[sights.mine]\nregions = ["FR"]')
    ground, who = world.space.ground, Principal("user:ana", Role.AGENT, sight="mine")
    for n in (0, 5):
        with pytest.raises(NotFound):
            people.person(ground, who, f"u{n}")
    world.space.break_glass("u0", why=WHY, principal=who)
    person = people.person(ground, who, "u0")
    (row,) = person.timeline().to_pylist()
    assert word(0) in row["text"] and row["text"] != "hidden"
    assert [found["customer"] for found in people.customers(ground, who, "u0")] == [world.ids[0]]
    opened = person.originals(who, WHY, [row["signal_id"]])
    assert word(0) in str(opened)
    entry = ground.audit.entries()[0]
    assert entry.action == "open_sealed" and "broken glass" in str(entry.detail)
    with pytest.raises(NotFound):
        people.person(ground, who, "u5")
    world.clock.advance(timedelta(minutes=31))
    with pytest.raises(NotFound):
        people.person(ground, who, "u0")
    assert people.customers(ground, who, "u0") == []


def test_whom_no_rule_lets_is_not_told_whether_there_is_such_a_customer(world: World) -> None:
    world.say('[sights.mine]\nregions = ["FR"]')
    who = Principal("user:ana", Role.AGENT, sight="mine")
    told = []
    for customer in ("u0", "u-nobody"):
        with pytest.raises(NotAllowed) as raised:
            world.space.break_glass(customer, why=WHY, principal=who)
        told.append(str(raised.value))
    assert told[0] == told[1]


def test_a_broken_glass_is_sent_without_the_customer(world: World) -> None:
    world.say(GLASS)
    world.space.add_destination("dpo", "https://dpo.example.com/hook")
    broken = world.space.break_glass("u3", why=WHY, principal=Principal("user:ana", Role.AGENT))
    from sqlalchemy import select

    from allears.desk.work import Delivery

    ground = world.space.ground
    with ground.desk.reading() as session:
        (row,) = session.scalars(select(Delivery).where(Delivery.event_type == "glass.broken"))
        body = ground.outbox.body(row.event_id, row.destination, row.payload)
    told = json.loads(body)["data"]
    assert told["glass"] == broken.id and told["actor"] == "user:ana" and told["why"] == WHY
    assert world.ids[3] not in body


def test_who_holds_the_folder_sees_what_is_in_it(world: World) -> None:
    world.say(
        "[closed]\nrelationships = ['consumer', 'employee', 'partner']\n[roles.privacy]\nhide = ['text']"
    )
    assert rules.sight(world.space.ground, Principal("local:1000", Role.PRIVACY)).whole
    assert len(world.space.customers()) == 45
    assert people.customers(world.space.ground, Principal("user:x", Role.PRIVACY)) == []


def test_a_wrong_file_leaves_the_one_before_in_force(world: World) -> None:
    world.say('[sights.mine]\nregions = ["FR"]')
    who = Principal("user:ana", Role.AGENT, sight="mine")
    before = people.customers(world.space.ground, who)
    world.say("[sights.mine]\nregion = [")
    assert people.customers(world.space.ground, who) == before
    world.say("")
    with pytest.raises(NotAllowed):
        people.customers(world.space.ground, who)


def test_a_refused_row_opens_to_who_may_see_every_row_and_field(world: World) -> None:
    world.space.hear([{"text": "zqrefused", "rating": 99, "rating_scale": "nps-0-10"}], source="till")
    world.space.digest(look=False)
    row = world.space.refused(limit=1)[0]["refused"]
    officer = Principal("user:pia", Role.PRIVACY)
    for said in ("[closed]\nrelationships = ['employee']", "[roles.privacy]\nhide = ['name']"):
        world.say(said)
        with pytest.raises(NotAllowed):
            world.space.open_refused(row, why=WHY, principal=officer)
    world.say("")
    assert "zqrefused" in str(world.space.open_refused(row, why=WHY, principal=officer))
    with pytest.raises(Refused):
        world.space.open_refused(row, why="", principal=officer)
