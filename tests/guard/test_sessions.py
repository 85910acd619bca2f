"""Sessions that end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotFound
from allears.guard.access import Principal, Role
from allears.guard.sessions import Sessions

pytestmark = pytest.mark.both_desks

ANA, BO = Principal("user:ana", Role.ANALYST), Principal("user:bo", Role.CIO)


@pytest.fixture
def sessions(desk: Desk, clock: SetClock) -> Iterator[Sessions]:
    sessions = Sessions(desk, clock, idle_minutes=60, hours=12)
    yield sessions
    sessions.close()


def _act(sessions: Sessions, token: str) -> Principal | None:
    found = sessions.who(token)
    sessions._notes.settle()
    return found


def test_a_session_in_which_nobody_acts_ends(sessions: Sessions, clock: SetClock) -> None:
    token = sessions.start(ANA)
    clock.advance(timedelta(minutes=59))
    assert _act(sessions, token) == ANA
    clock.advance(timedelta(minutes=59))
    assert _act(sessions, token) == ANA, "an act begins the time anew"
    clock.advance(timedelta(minutes=60))
    assert _act(sessions, token) is None


def test_a_page_that_looks_again_by_itself_keeps_no_session_open(sessions: Sessions, clock: SetClock) -> None:
    token = sessions.start(ANA)
    for _ in range(59):
        clock.advance(timedelta(minutes=1))
        assert sessions.who(token, acting=False) == ANA
    sessions._notes.settle()
    clock.advance(timedelta(minutes=1))
    assert sessions.who(token, acting=False) is None


def test_a_session_ends_after_its_hours_whatever_happens(sessions: Sessions, clock: SetClock) -> None:
    token = sessions.start(ANA)
    for _ in range(23):
        clock.advance(timedelta(minutes=30))
        assert _act(sessions, token) == ANA
    clock.advance(timedelta(minutes=30))
    assert _act(sessions, token) is None


def test_acts_are_noted_once_a_minute_at_most(sessions: Sessions, clock: SetClock) -> None:
    token = sessions.start(ANA)
    began = clock.now()
    clock.advance(timedelta(seconds=59))
    _act(sessions, token)
    assert [one.seen_at for one in sessions.of("ana")] == [began]
    clock.advance(timedelta(seconds=1))
    _act(sessions, token)
    assert [one.seen_at for one in sessions.of("ana")] == [began + timedelta(minutes=1)]


def test_one_sees_and_ends_ones_own_sessions_and_nobody_elses(sessions: Sessions, clock: SetClock) -> None:
    here, there, other = sessions.start(ANA), sessions.start(ANA), sessions.start(BO)
    assert {one.id for one in sessions.of("ana")} == {sessions.id_of(here), sessions.id_of(there)}
    assert len(sessions.of()) == 3
    with pytest.raises(NotFound):
        sessions.end_one("ana", sessions.id_of(other))
    for wrong in ("", "%", sessions.id_of(there)[:4]):
        with pytest.raises(NotFound):
            sessions.end_one("ana", wrong)
    sessions.end_one("ana", sessions.id_of(there))
    assert sessions.who(there) is None and sessions.who(here) == ANA
    third = sessions.start(ANA)
    assert sessions.end_all("ana", but=here) == 1
    assert (sessions.who(here), sessions.who(third), sessions.who(other)) == (ANA, None, BO)
    clock.advance(timedelta(hours=2))
    assert sessions.of() == [], "what has ended is not listed"


def test_a_passing_visitor_keeps_the_role_given(sessions: Sessions) -> None:
    visitor = Principal("user:local", Role.CIO)
    assert sessions.who(sessions.start(visitor)) == visitor
