"""People and keys come, change, are handed on and go, rules change, time passes: a plain list says who may do and see what."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from argon2 import PasswordHasher
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from allears.clock import SetClock
from allears.desk import Base, Desk
from allears.desk.upgrade import load_models
from allears.errors import NotAllowed
from allears.guard.access import RIGHTS, SCOPES, Action, Principal, Role, Scope, allow
from allears.guard.keys import Keys
from allears.guard.login import Logins
from allears.guard.mask import HIDDEN
from allears.guard.sessions import Sessions
from allears.guard.sight import Sights, read_sights, sight_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
IDLE, LIFE = timedelta(minutes=60), timedelta(hours=3)
NAMES = st.sampled_from(["ana", "bo"])
ROLES = st.sampled_from(Role)
# Those who may hand keys on, more often than the others.
OF_KEYS = st.sampled_from([Role.CIO, Role.CIO, Role.ENGINEER, *Role])
SIGHTS = st.sampled_from([None, "germany", "people", "gone"])
SCOPE_SETS = st.just(frozenset()) | st.frozensets(st.sampled_from(Scope), max_size=2)
PASSWORDS = st.sampled_from(["a first password", "a first password", "another password"])
RULES = (
    "",
    '[sights.germany]\nregions = ["DE"]\n[sights.people]\nrelationships = ["employee"]\n[closed]\nrelationships = ["employee"]\n',
    '[sights.germany]\nregions = ["DE"]\n[roles.cio]\nsight = "germany"\nhide = ["text"]\n[roles.agent]\nhide = ["phone"]\n',
)


class Person(NamedTuple):
    """A user as the list has them."""

    role: Role
    partner: str | None
    sight: str | None
    password: str
    disabled: bool = False


class Given(NamedTuple):
    """A key as the list has it."""

    role: Role
    partner: str | None
    sight: str | None
    scopes: frozenset[Scope]
    ends: datetime | None
    from_: frozenset[Action] | None
    revoked: bool = False


def rights(role: Role, scopes: frozenset[Scope]) -> frozenset[Action]:
    """Say slowly what a role may, within scopes."""
    return frozenset(
        a for a in Action if a in RIGHTS[role] and (not scopes or any(a in SCOPES[s] for s in scopes))
    )


class Roles(RuleBasedStateMachine):
    """The desk, and beside it what everybody was given and was taken."""

    keys = Bundle("keys")
    logins = Bundle("logins")

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.desk = Desk("sqlite:///desk.db", Path(self._folder.name))
        load_models()
        Base.metadata.create_all(self.desk.engine)
        self.clock = SetClock(NOON)
        self.users = Logins(self.desk, self.clock, PasswordHasher(1, 8, 1))
        self.kept = Keys(self.desk, self.clock)
        self.sessions = Sessions(self.desk, self.clock, idle_minutes=60, hours=3)
        self.people: dict[str, Person] = {}
        self.given: dict[str, Given] = {}
        self.open: dict[str, tuple[str, datetime]] = {}
        self.rules = Sights()

    @rule(name=NAMES, role=ROLES, sight=SIGHTS, password=PASSWORDS)
    def add(self, name: str, role: Role, sight: str | None, password: str) -> None:
        partner = "Postwing" if role is Role.PARTNER else None
        sight = None if partner else sight
        self.users.add(name, password, role, partner=partner, sight=sight)
        self.people[name] = Person(role, partner, sight, password)
        self._end(name)

    @rule(name=NAMES, how=st.sampled_from(["disable", "remove"]))
    def leave(self, name: str, how: str) -> None:
        if name not in self.people:
            return
        getattr(self.users, how)(name)
        if how == "remove":
            del self.people[name]
        else:
            self.people[name] = self.people[name]._replace(disabled=True)
        self._end(name)

    def _end(self, name: str) -> None:
        self.open = {token: told for token, told in self.open.items() if told[0] != name}

    @rule(target=logins, name=NAMES, password=PASSWORDS, place=st.integers(0, 10**6))
    def log_in(self, name: str, password: str, place: int) -> Any:
        person = self.people.get(name)
        right = person is not None and not person.disabled and person.password == password
        try:
            # From an address of its own each time: waiting is tested elsewhere.
            principal = self.users.check(
                name, password, address=f"10.{place >> 16}.{place >> 8 & 255}.{place & 255}"
            )
        except NotAllowed:
            assert not right
            return multiple()
        assert right
        token = self.sessions.start(principal)
        self.open[token] = name, self.clock.now()
        return token

    @rule(token=consumes(logins))
    def log_out(self, token: str) -> None:
        self.sessions.end(token)
        self.open.pop(token, None)

    @rule(
        target=keys,
        role=OF_KEYS,
        sight=SIGHTS,
        scopes=SCOPE_SETS,
        minutes=st.sampled_from([None, None, None, 30, 90]),
    )
    def make(self, role: Role, sight: str | None, scopes: frozenset[Scope], minutes: int | None) -> Any:
        return self._make(role, sight, scopes, minutes, None)

    @rule(target=keys, giver=keys, role=OF_KEYS, sight=SIGHTS, scopes=SCOPE_SETS)
    def hand_on(self, giver: str, role: Role, sight: str | None, scopes: frozenset[Scope]) -> Any:
        """Whoever holds a key makes another with it."""
        who = self.kept.check(giver)
        return self._make(role, sight, scopes, None, who) if who is not None else multiple()

    def _make(
        self,
        role: Role,
        sight: str | None,
        scopes: frozenset[Scope],
        minutes: int | None,
        giver: Principal | None,
    ) -> Any:
        partner = "Postwing" if role is Role.PARTNER else None
        sight = None if partner else sight
        has = rights(giver.role, giver.scopes or frozenset()) if giver else None
        wanted = rights(role, scopes)
        fits = (
            has is None
            or giver is None
            or (Action.MANAGE_KEYS in has and sight == giver.sight and wanted - {Action.LISTEN} <= has)
        )
        ends = timedelta(minutes=minutes) if minutes else None
        try:
            text, _ = self.kept.make(
                role, "k", partner=partner, sight=sight, scopes=scopes, valid_for=ends, giver=giver
            )
        except NotAllowed:
            assert not fits
            return multiple()
        assert fits
        self.given[text] = Given(role, partner, sight, scopes, self.clock.now() + ends if ends else None, has)
        return text

    @rule(key=keys)
    def revoke(self, key: str) -> None:
        self.kept.revoke(key.split("_")[1])
        self.given[key] = self.given[key]._replace(revoked=True)

    @rule(minutes=st.integers(1, 100))
    def wait(self, minutes: int) -> None:
        self.clock.set(self.clock.now() + timedelta(minutes=minutes))

    @rule(text=st.sampled_from(RULES))
    def say(self, text: str) -> None:
        self.rules = read_sights(text)

    @invariant()
    def keys_are_what_they_were_given_for(self) -> None:
        for text, given in self.given.items():
            over = given.revoked or (given.ends is not None and self.clock.now() >= given.ends)
            # A process that never saw it, and, where nothing was revoked, the one that holds it for good.
            with closing(Keys(self.desk, self.clock)) as fresh:
                told = fresh.check(text), self.kept.check(text)
            for found in told:
                assert (found is None) == over
                if found is not None:
                    self._may(found, given.role, given.partner, given.sight, given.scopes)
                    assert given.from_ is None or self._does(found) - {Action.LISTEN} <= given.from_
            wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
            assert self.kept.check(wrong) is None

    @invariant()
    def log_ins_hold_as_long_as_they_may(self) -> None:
        for token, (name, since) in self.open.items():
            found = self.sessions.who(token, acting=False)
            quiet = self.clock.now() - since
            assert (found is None) == (quiet >= min(IDLE, LIFE))
            if found is not None:
                person = self.people[name]
                self._may(found, person.role, person.partner, person.sight, frozenset())

    def _does(self, who: Principal) -> frozenset[Action]:
        return frozenset(action for action in Action if allow(who, action).allowed)

    def _may(
        self, who: Principal, role: Role, partner: str | None, sight: str | None, scopes: frozenset[Scope]
    ) -> None:
        assert (who.role, who.partner, who.sight) == (role, partner, sight)
        assert self._does(who) == rights(role, scopes)
        of_role = self.rules.roles.get(role)
        named = sight or (of_role.sight if of_role is not None else None)
        try:
            seen = sight_of(who, lambda: self.rules)
        except NotAllowed:
            assert partner is None and named not in self.rules.sights
            return
        hidden = HIDDEN[role] | set(of_role.hide if of_role is not None else ())
        assert seen.hidden == hidden
        if partner is not None:
            assert seen.partner == partner and not seen.whole
        elif named is not None:
            extent = self.rules.sights[named]
            assert (seen.regions, seen.relationships) == (extent.regions, extent.relationships)
            assert not seen.whole
        assert set(seen.closed) == (
            set(self.rules.closed.relationships)
            - set(self.rules.sights[named].relationships if named else ())
            if partner is None
            else set()
        )

    def teardown(self) -> None:
        for one in (self.kept, self.sessions):
            one.close()
        self.desk.close()
        self._folder.cleanup()


TestRoles = Roles.TestCase
TestRoles.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
