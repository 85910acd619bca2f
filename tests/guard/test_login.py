from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.login import Logins


@pytest.fixture
def logins(desk: Desk, clock: SetClock) -> Logins:
    return Logins(desk, clock, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


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


def test_a_session_ends_by_itself_by_hand_and_with_the_user(
    logins: Logins, clock: SetClock, tmp_path: Path
) -> None:
    logins.add("ana", "correct horse", "analyst")
    principal = logins.check("ana", "correct horse")
    one, two, three = (logins.start(principal) for _ in range(3))
    assert logins.who(one) == principal
    assert not any(one.encode() in path.read_bytes() for path in tmp_path.glob("desk.db*"))
    logins.end(one)
    logins.end(one)
    assert logins.who(one) is None and logins.who("made up \ud800") is None
    logins.add("ana", "correct horse 2", "cio")  # a new password ends the others' sessions
    assert logins.who(two) is None
    four = logins.start(logins.check("ana", "correct horse 2"))
    who = logins.who(four)
    assert who is not None and who.role is Role.CIO
    logins.disable("ana")
    assert logins.who(four) is None and logins.who(three) is None
    with pytest.raises(NotAllowed):
        logins.check("ana", "correct horse 2")
    with pytest.raises(NotFound):
        logins.disable("nobody")


def test_a_session_expires_and_a_passing_visitor_keeps_the_role_given(
    logins: Logins, clock: SetClock
) -> None:
    visitor = Principal("user:local", Role.CIO)
    token = logins.start(visitor)
    assert logins.who(token) == visitor
    clock.advance(timedelta(hours=12))
    assert logins.who(token) is None


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


def test_a_clock_set_back_keeps_nobody_out_and_no_session_open(logins: Logins, clock: SetClock) -> None:
    principal = logins.add("ana", "correct horse", "analyst") and logins.check("ana", "correct horse")
    clock.advance(timedelta(days=30))
    token = logins.start(principal)
    for _ in range(7):
        with pytest.raises(NotAllowed):
            logins.check("ana", "guess")
    clock.advance(timedelta(days=-30))
    assert logins.check("ana", "correct horse") == principal
    assert logins.who(token) is None, "it would stay open for a month"
    again = logins.start(principal)
    clock.advance(timedelta(seconds=-60))
    assert logins.who(again) == principal, "a clock that is set right by a minute ends no session"
