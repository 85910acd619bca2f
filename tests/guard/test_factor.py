"""The second factor: once each, and by name."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard import totp
from allears.guard.factor import Factors
from allears.guard.login import Logins
from allears.guard.vault import Vault


@pytest.fixture
def logins(desk: Desk, clock: SetClock) -> Logins:
    found = Logins(desk, clock, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    found.add("ana", "correct horse", "analyst")
    found.add("eva", "correct horse", "cio")
    return found


@pytest.fixture
def factors(desk: Desk, vault: Vault, clock: SetClock, logins: Logins) -> Factors:
    return Factors(desk, vault, clock, required=["cio"])


def _code(secret: str, clock: SetClock, ahead: int = 0) -> str:
    raw = base64.b32decode(secret)
    return totp.code_at(raw, int(clock.now().timestamp()) // totp.STEP_SECONDS + ahead)


def _on(factors: Factors, clock: SetClock, name: str = "ana") -> tuple[str, list[str]]:
    secret = factors.begin(name).secret
    codes = factors.confirm(name, _code(secret, clock))
    clock.advance(timedelta(minutes=1))
    return secret, codes


def test_a_role_that_needs_one_must_set_it_up_and_others_may(factors: Factors, clock: SetClock) -> None:
    assert [factors.needs(name) for name in ("ana", "eva", "nobody")] == [None, "enrol", None]
    for name in ("ana", "eva"):
        _on(factors, clock, name)
        assert factors.needs(name) == "code"


def test_nothing_is_on_before_a_first_code(factors: Factors, clock: SetClock) -> None:
    begun = factors.begin("ana")
    assert factors.begin("ana") == begun, "a page that is loaded again shows the same"
    assert factors.needs("ana") is None
    with pytest.raises(NotAllowed):
        factors.check("ana", _code(begun.secret, clock))
    with pytest.raises(NotAllowed):
        factors.confirm("ana", "000000" if _code(begun.secret, clock) != "000000" else "000001")
    assert factors.needs("ana") is None
    factors.confirm("ana", _code(begun.secret, clock))
    for refused in (lambda: factors.begin("ana"), lambda: factors.confirm("ana", "000000")):
        with pytest.raises(Refused):
            refused()


def test_a_code_is_good_once_and_no_earlier_one_after_it(factors: Factors, clock: SetClock) -> None:
    secret = factors.begin("ana").secret
    first = _code(secret, clock)
    factors.confirm("ana", first)
    with pytest.raises(NotAllowed):
        factors.check("ana", first)
    clock.advance(timedelta(minutes=1))
    ahead = _code(secret, clock, ahead=1)
    assert factors.check("ana", f" {ahead[:3]} {ahead[3:]} ") == "code"
    for code in (ahead, _code(secret, clock), _code(secret, clock, ahead=-1)):
        with pytest.raises(NotAllowed, match="wrong"):
            factors.check("ana", code)


def test_guessing_codes_waits_from_wherever(factors: Factors, clock: SetClock) -> None:
    secret, codes = _on(factors, clock)
    wrong = next(f"{n:06}" for n in range(9) if all(f"{n:06}" != _code(secret, clock, a) for a in (-1, 0, 1)))
    for _ in range(5):
        with pytest.raises(NotAllowed, match="wrong"):
            factors.check("ana", wrong)
    for code in (_code(secret, clock), codes[0]):
        with pytest.raises(NotAllowed, match="wait"):
            factors.check("ana", code)
    clock.advance(timedelta(minutes=16))
    assert factors.check("ana", _code(secret, clock)) == "code"


def test_each_recovery_code_lets_its_owner_in_once(factors: Factors, clock: SetClock) -> None:
    _, codes = _on(factors, clock)
    _, others = _on(factors, clock, "eva")
    assert len(set(codes)) == factors.left("ana") == 10
    assert factors.check("ana", codes[0]) == "recovery"
    assert factors.check("ana", codes[1].upper().replace("-", " ")) == "recovery"
    for code in (codes[0], others[0]):
        with pytest.raises(NotAllowed, match="wrong"):
            factors.check("ana", code)
    assert (factors.left("ana"), factors.left("eva")) == (8, 10)


def test_taken_away_it_opens_nothing_any_more(factors: Factors, logins: Logins, clock: SetClock) -> None:
    secret, codes = _on(factors, clock)
    factors.end("ana")
    assert factors.needs("ana") is None and factors.left("ana") == 0
    for code in (_code(secret, clock), codes[0]):
        with pytest.raises(NotAllowed):
            factors.check("ana", code)
    assert factors.begin("ana").secret != secret
    with pytest.raises(NotFound):
        factors.end("nobody")
    _, codes = _on(factors, clock, "eva")
    logins.remove("eva")
    logins.add("eva", "correct horse", "analyst")
    assert factors.needs("eva") is None and factors.left("eva") == 0


def test_a_new_password_keeps_it(factors: Factors, logins: Logins, clock: SetClock) -> None:
    _on(factors, clock)
    logins.add("ana", "correct horse 2", "analyst")
    assert factors.needs("ana") == "code"


def test_neither_secret_nor_recovery_codes_are_kept_in_clear(
    factors: Factors, clock: SetClock, tmp_path: Path
) -> None:
    secret, codes = _on(factors, clock)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("desk.db*"))
    plain = [secret.encode(), base64.b32decode(secret), codes[0].encode(), codes[0].replace("-", "").encode()]
    assert not any(one in kept for one in plain)
