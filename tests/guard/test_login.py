from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.login import Logins
from allears.guard.sessions import Sessions

pytestmark = pytest.mark.both_desks


@pytest.fixture
def logins(desk: Desk, clock: SetClock) -> Logins:
    return Logins(desk, clock, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def sessions(desk: Desk, clock: SetClock) -> Iterator[Sessions]:
    sessions = Sessions(desk, clock)
    yield sessions
    sessions.close()


@pytest.mark.sqlite_alone
def test_the_right_password_opens_and_is_kept_nowhere(logins: Logins, tmp_path: Path) -> None:
    logins.add("ana", "correct horse", "analyst")
    assert logins.check("ana", "correct horse") == Principal("user:ana", Role.ANALYST)
    assert not any(b"correct horse" in path.read_bytes() for path in tmp_path.glob("desk.db*"))
    assert [user.name for user in logins.list()] == ["ana"]


def test_passwords_are_hashed_with_argon2id(desk: Desk) -> None:
    assert Logins(desk)._nobody.startswith("$argon2id$")


def test_wrong_name_and_wrong_password_read_the_same(logins: Logins) -> None:
    logins.add("ana", "correct horse", "analyst")
    messages = set()
    for name, password in (("ana", "wrong"), ("nobody", "correct horse"), ("ana", "x" * 5000)):
        with pytest.raises(NotAllowed) as caught:
            logins.check(name, password)
        messages.add(str(caught.value))
    assert messages == {"name or password is wrong"}


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_after_five_failures_one_must_wait_longer_and_longer(
    logins: Logins, clock: SetClock, name: str
) -> None:
    logins.add("ana", "correct horse", "analyst")
    for _ in range(5):
        with pytest.raises(NotAllowed, match="wrong"):
            logins.check(name, "guess")
    with pytest.raises(NotAllowed, match="wait") as caught:
        logins.check(name, "correct horse")
    waited = [caught.value.facts["wait_seconds"]]
    for _ in range(3):
        clock.advance(timedelta(seconds=waited[-1]))
        with pytest.raises(NotAllowed, match="wrong"):
            logins.check(name, "guess")
        with pytest.raises(NotAllowed, match="wait") as caught:
            logins.check(name, "guess")
        waited.append(caught.value.facts["wait_seconds"])
    assert waited == sorted(waited) and waited[-1] > waited[0]
    clock.advance(timedelta(minutes=16))
    if name == "ana":
        assert logins.check("ana", "correct horse").role is Role.ANALYST
        with pytest.raises(NotAllowed, match="wrong"):  # the count starts again
            logins.check("ana", "guess")


@pytest.mark.sqlite_alone
def test_a_session_ends_by_itself_by_hand_and_with_the_user(
    logins: Logins, sessions: Sessions, tmp_path: Path
) -> None:
    logins.add("ana", "correct horse", "analyst")
    principal = logins.check("ana", "correct horse")
    one, two, three = (sessions.start(principal) for _ in range(3))
    assert sessions.who(one) == principal
    assert not any(one.encode() in path.read_bytes() for path in tmp_path.glob("desk.db*"))
    sessions.end(one)
    sessions.end(one)
    assert sessions.who(one) is None and sessions.who("made up \ud800") is None
    logins.add("ana", "correct horse 2", "cio")  # a new password ends the others' sessions
    assert sessions.who(two) is None
    four = sessions.start(logins.check("ana", "correct horse 2"))
    who = sessions.who(four)
    assert who is not None and who.role is Role.CIO
    logins.disable("ana")
    assert sessions.who(four) is None and sessions.who(three) is None
    with pytest.raises(NotAllowed):
        logins.check("ana", "correct horse 2")
    with pytest.raises(NotFound):
        logins.disable("nobody")


def test_weak_passwords_and_wrong_roles_are_refused(logins: Logins) -> None:
    for name, password, role in (
        ("ana", "short", "cio"),
        ("", "correct horse", "cio"),
        ("a\n", "correct horse", "cio"),
        ("ana", "correct horse", "root"),
    ):
        with pytest.raises(Refused) as caught:
            logins.add(name, password, role)
        assert "correct horse" not in str(caught.value) and "short" not in str(caught.value).replace(
            "shortest", ""
        )


def test_a_clock_set_back_keeps_nobody_out_and_no_session_open(
    logins: Logins, sessions: Sessions, clock: SetClock
) -> None:
    principal = logins.add("ana", "correct horse", "analyst") and logins.check("ana", "correct horse")
    clock.advance(timedelta(days=30))
    token = sessions.start(principal)
    for _ in range(7):
        with pytest.raises(NotAllowed):
            logins.check("ana", "guess")
    clock.advance(timedelta(days=-30))
    assert logins.check("ana", "correct horse") == principal
    assert sessions.who(token) is None, "it would stay open for a month"
    again = sessions.start(principal)
    clock.advance(timedelta(seconds=-60))
    assert sessions.who(again) == principal, "a clock that is set right by a minute ends no session"


def test_guessing_at_a_name_keeps_its_owner_out_from_nowhere_else(logins: Logins) -> None:
    logins.add("ana", "correct horse", "analyst")
    for _ in range(6):
        with pytest.raises(NotAllowed):
            logins.check("ana", "guess", address="192.0.2.1")
    with pytest.raises(NotAllowed, match="wait"):
        logins.check("ana", "correct horse", address="192.0.2.1")
    assert logins.check("ana", "correct horse", address="198.51.100.7").role is Role.ANALYST
    with pytest.raises(NotAllowed, match="wait"):  # that the owner came in elsewhere helps no guesser
        logins.check("ana", "correct horse", address="192.0.2.1")


def test_one_place_that_tries_many_names_must_wait_whatever_the_name(logins: Logins, clock: SetClock) -> None:
    logins.add("ana", "correct horse", "analyst")
    for n in range(30):
        with pytest.raises(NotAllowed, match="wrong"):
            logins.check(f"name {n}", "guess", address=f"2001:db8::{n:x}")
    with pytest.raises(NotAllowed, match="wait"):
        logins.check("ana", "correct horse", address="2001:db8::ffff")
    assert logins.check("ana", "correct horse", address="2001:db8:0:1::1").role is Role.ANALYST
    clock.advance(timedelta(minutes=16))
    assert logins.check("ana", "correct horse", address="2001:db8::ffff").role is Role.ANALYST


@pytest.mark.sqlite_alone
def test_neither_names_nor_addresses_that_failed_are_kept_in_clear(logins: Logins, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        logins.check("a password typed as a name", "guess", address="192.0.2.77")
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("desk.db*"))
    assert b"typed as a name" not in kept and b"192.0.2.77" not in kept


def test_a_new_password_lets_its_owner_try_again_at_once(logins: Logins) -> None:
    logins.add("ana", "correct horse", "analyst")
    for _ in range(6):
        with pytest.raises(NotAllowed):
            logins.check("ana", "guess", address="192.0.2.1")
    logins.add("ana", "correct horse 2", "analyst")
    assert logins.check("ana", "correct horse 2", address="192.0.2.1").role is Role.ANALYST
