from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Action, Principal, Role, Scope, allow
from allears.guard.audit import Audit
from allears.guard.keys import Keys

pytestmark = pytest.mark.both_desks


@pytest.mark.sqlite_alone
def test_a_key_is_shown_once_and_known_again(desk: Desk, clock: SetClock, tmp_path: Path) -> None:
    keys = Keys(desk, clock)
    text, record = keys.make("engineer", "loader")
    assert keys.check(text) == keys.check(f" {text}\n") == Principal(f"key:{record.id}", Role.ENGINEER)
    secret = text.split("_", 2)[2].encode()
    assert not any(secret in path.read_bytes() for path in tmp_path.glob("desk.db*"))
    keys.close()
    midnight = clock.now().replace(hour=0)
    assert keys.list() == [msgspec.structs.replace(record, used_at=midnight)]


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.upper(), lambda t: "x" + t, lambda t: ""]
)
def test_anything_else_is_nobody(desk: Desk, clock: SetClock, change) -> None:  # type: ignore[no-untyped-def]
    keys = Keys(desk, clock)
    text, record = keys.make("cio", "x")
    assert keys.check(change(text)) is None
    assert keys.check(f"ae_{record.id}_") is None
    assert keys.check("ae_00000000_" + text.split("_", 2)[2]) is None
    assert keys.check(f"ae_{record.id}_é") is None


def test_a_revoked_or_expired_key_is_nobody_at_once(desk: Desk, clock: SetClock) -> None:
    keys = Keys(desk, clock)
    text, record = keys.make("cio", "x")
    short, _ = keys.make("partner", "y", partner="north", valid_for=timedelta(hours=1))
    assert keys.check(text) and keys.check(short) == Principal(
        keys.list()[1].id and f"key:{short.split('_')[1]}", Role.PARTNER, "north"
    )
    revoked = keys.revoke(record.id)
    assert revoked.revoked_at == clock.now()
    assert keys.check(text) is None
    clock.advance(timedelta(hours=1))
    assert keys.check(short) is None
    assert keys.revoke(record.id).revoked_at == revoked.revoked_at
    with pytest.raises(NotFound):
        keys.revoke("nokey")


def test_another_process_notices_a_revocation_when_it_asks_again(
    desk: Desk, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allears.guard.keys.FRESH_SECONDS", 0.0)
    here, there = Keys(desk, clock), Keys(desk, clock)
    text, record = here.make("cio", "x")
    assert there.check(text) is not None
    here.revoke(record.id)
    assert there.check(text) is None


def test_wrong_roles_are_refused(desk: Desk) -> None:
    keys = Keys(desk)
    for role, partner in (("root", None), ("partner", None), ("cio", "north")):
        with pytest.raises(Refused):
            keys.make(role, "x", partner=partner)
    assert keys.list() == []


def test_a_scope_narrows_a_role_and_never_widens_it(desk: Desk, clock: SetClock) -> None:
    keys = Keys(desk, clock)
    text, record = keys.make("engineer", "loader", scopes=["listen"])
    principal = keys.check(text)
    assert principal is not None and record.scopes == ("listen",)
    assert {action for action in Action if allow(principal, action).allowed} == {Action.LISTEN}
    wide, _ = keys.make("sender", "page", scopes=[str(scope) for scope in Scope])
    sender = keys.check(wide)
    assert sender is not None
    assert {action for action in Action if allow(sender, action).allowed} == {Action.LISTEN}
    with pytest.raises(Refused, match="listen, read, act, originals, admin"):
        keys.make("cio", "x", scopes=["all"])


def test_nobody_makes_a_key_that_may_do_more_than_they(desk: Desk, clock: SetClock) -> None:
    keys = Keys(desk, clock)
    engineer, boss = Principal("user:eve", Role.ENGINEER), Principal("user:eva", Role.CIO)
    for giver, role, scopes in (
        (engineer, "cio", []),
        (engineer, "analyst", []),
        (boss, "privacy", []),
        (boss, "privacy", ["originals"]),
        (Principal("user:ana", Role.ANALYST), "sender", []),
        (Principal("key:ab", Role.ENGINEER, scopes=frozenset({Scope.READ})), "sender", []),
    ):
        with pytest.raises(NotAllowed):
            keys.make(role, "x", scopes=scopes, giver=giver)
    assert keys.list() == []
    for giver, role, scopes in ((engineer, "sender", []), (boss, "sender", []), (boss, "privacy", ["read"])):
        keys.make(role, "x", scopes=scopes, giver=giver)


def test_a_key_may_ask_as_often_a_minute_as_it_says(desk: Desk, clock: SetClock) -> None:
    keys = Keys(desk, clock)
    slow, free = (keys.check(keys.make("cio", "x", per_minute=most)[0]) for most in (3, None))
    assert slow is not None and free is not None
    for _ in range(3):
        keys.admit(slow)
    with pytest.raises(NotAllowed) as caught:
        keys.admit(slow)
    assert 1 <= caught.value.facts["wait_seconds"] <= 20
    for _ in range(50):
        keys.admit(free)
    for wrong in (0, -1, 10**9):
        with pytest.raises(Refused):
            keys.make("cio", "x", per_minute=wrong)


def test_the_day_a_key_was_used_is_noted_once_and_audited_once(
    desk: Desk, clock: SetClock, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allears.guard.keys.FRESH_SECONDS", 0.0)
    here, there = Keys(desk, clock, audit), Keys(desk, clock, audit)
    text, record = here.make("cio", "x")
    assert here.list()[0].used_at is None

    def used_on() -> str:
        for keys in (here, here, there):
            assert keys.check(text) is not None
            keys._notes.settle()
        used = here.list()[0].used_at
        assert used is not None
        return used.isoformat()

    assert used_on() == "2026-03-01T00:00:00+00:00"
    assert [(e.actor, e.action) for e in audit.entries()] == [(f"key:{record.id}", "key.used")]
    clock.advance(timedelta(days=1))
    assert used_on() == "2026-03-02T00:00:00+00:00"
    assert len(audit.entries()) == 2
    here.close()
    there.close()


def test_a_wrong_key_is_no_use_of_the_right_one(desk: Desk, clock: SetClock, audit: Audit) -> None:
    keys = Keys(desk, clock, audit)
    text, _ = keys.make("cio", "x")
    assert keys.check(text[:-1] + ("A" if text[-1] != "A" else "B")) is None
    keys.close()
    assert keys.list()[0].used_at is None and audit.entries() == []
