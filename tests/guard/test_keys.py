from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.keys import Keys


def test_a_key_is_shown_once_and_known_again(desk: Desk, clock: SetClock, tmp_path: Path) -> None:
    keys = Keys(desk, clock)
    text, record = keys.make("engineer", "loader")
    assert keys.check(text) == keys.check(f" {text}\n") == Principal(f"key:{record.id}", Role.ENGINEER)
    secret = text.split("_", 2)[2].encode()
    assert not any(secret in path.read_bytes() for path in tmp_path.glob("desk.db*"))
    assert keys.list() == [record]


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
