"""Breaking the glass: by whom a rule lets, for a reason, at one customer, for minutes; noted each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from allears.clock import SetClock
from allears.desk import Desk
from allears.desk.access import BrokenGlass
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.audit import Audit
from allears.guard.glass import Glass, forget_glass
from allears.guard.sight import Sights, read_sights
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANA = Principal("user:ana", Role.AGENT)
WHY = "accident reported by telephone"


class World:
    """A desk with its glass; ``said`` is what access.toml says."""

    def __init__(self, desk: Desk) -> None:
        self.said = read_sights(
            "[roles.agent]\nbreak_glass_minutes = 30\n[roles.engineer]\nbreak_glass_minutes = 30"
        )
        self.clock, self.told = SetClock(NOW), list[str]()
        self.desk = desk
        self.audit = Audit(self.desk, Vault(self.desk, SpaceKey(b"k" * 32), "acme"))
        self.glass = Glass(
            self.desk, self.audit, self.clock, lambda: self.said, lambda s, row: self.told.append(row.id)
        )

    def acts(self) -> list[str]:
        return [entry.action for entry in self.audit.entries()][::-1]


@pytest.fixture
def world(desk: Desk) -> World:
    return World(desk)


def test_it_opens_one_customer_to_one_person_until_its_time_is_over(world: World) -> None:
    made = world.glass.shatter(ANA, "c_1", WHY)
    through = world.glass.through(ANA, "c_1")
    assert through is not None and through.id == made.id and made.ends_at == NOW + timedelta(minutes=30)
    assert world.glass.through(ANA, "c_2") is None
    assert world.glass.through(Principal("user:bo", Role.AGENT), "c_1") is None
    world.clock.advance(timedelta(minutes=30))
    assert world.glass.through(ANA, "c_1") is None
    assert world.told == [made.id] and world.acts() == ["glass.broken"]


@pytest.mark.parametrize(
    "who",
    [
        Principal("key:ab12cd34", Role.AGENT),
        Principal("user:eva", Role.CIO),
        Principal("user:bo", Role.ANALYST),
        Principal("user:pia", Role.PRIVACY),
        Principal("local:1000", Role.AGENT),
        Principal("user:ed", Role.ENGINEER),
        Principal("user:p", Role.PARTNER, "Postwing"),
    ],
    ids=str,
)
def test_whom_no_rule_lets_may_not_and_the_attempt_is_noted(world: World, who: Principal) -> None:
    with pytest.raises(NotAllowed):
        world.glass.shatter(who, "c_1", WHY)
    assert world.glass.through(who, "c_1") is None
    assert world.acts() == ["glass.denied"] and world.told == []


def test_without_a_rule_nobody_may(world: World) -> None:
    world.said = Sights()
    for role in Role:
        with pytest.raises(NotAllowed):
            world.glass.shatter(Principal("user:x", role, "p" if role is Role.PARTNER else None), "c_1", WHY)


def test_a_rule_that_is_taken_away_closes_what_is_open(world: World) -> None:
    world.glass.shatter(ANA, "c_1", WHY)
    world.said = Sights()
    assert world.glass.through(ANA, "c_1") is None


def test_a_reason_is_asked_for_and_kept_without_anybodys_number(world: World) -> None:
    for why in ("", "   ", "because"):
        with pytest.raises(Refused):
            world.glass.shatter(ANA, "c_1", why)
    made = world.glass.shatter(ANA, "c_1", "called from +44 20 7946 0958 about an accident")
    assert "7946" not in made.why and "accident" in made.why


def test_nobody_looks_longer_than_the_rule_says(world: World) -> None:
    assert world.glass.shatter(ANA, "c_1", WHY, minutes=500).ends_at == NOW + timedelta(minutes=30)
    assert world.glass.shatter(ANA, "c_2", WHY, minutes=5).ends_at == NOW + timedelta(minutes=5)
    with pytest.raises(Refused):
        world.glass.shatter(ANA, "c_1", WHY, minutes=0)


def test_it_is_listed_until_a_privacy_officer_took_note(world: World) -> None:
    made = world.glass.shatter(ANA, "c_1", WHY)
    world.glass.end(made.id, actor="user:ana")
    assert world.glass.through(ANA, "c_1") is None
    with pytest.raises(NotFound):
        world.glass.end(made.id, actor="user:ana")
    assert [one.id for one in world.glass.list()] == [made.id]
    world.glass.note(made.id, actor="user:pia")
    assert world.glass.list() == [] and world.glass.list(noted=True)[0].read_by == "user:pia"
    with pytest.raises(NotFound):
        world.glass.note(made.id, actor="user:pia")
    assert world.acts() == ["glass.broken", "glass.end", "glass.note"]


def test_who_was_erased_is_named_no_more(world: World) -> None:
    made = world.glass.shatter(ANA, "c_1", WHY)
    with world.desk.session() as session:
        forget_glass(session, ["c_1"])
    with world.desk.reading() as session:
        row = session.get(BrokenGlass, made.id)
        assert row is not None and row.customer == "" and row.why == ""
    assert world.glass.through(ANA, "c_1") is None
