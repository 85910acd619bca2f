"""Four eyes: never the one who asked, never a key, never twice, never later, never for more people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.approval import Approvals
from allears.guard.audit import Audit

ANA, PIA, ODA = (
    Principal("user:ana", Role.ANALYST), Principal("user:pia", Role.PRIVACY), Principal("user:oda", Role.PRIVACY),
)  # fmt: skip


@pytest.fixture
def approvals(desk: Desk, audit: Audit, clock: SetClock) -> Approvals:
    return Approvals(desk, audit, clock, hours=24)


def test_what_another_person_agreed_to_is_done_once(approvals: Approvals, audit: Audit) -> None:
    asked = approvals.ask(ANA, "export", "signals", 5_000, "for the board")
    with pytest.raises(NotAllowed):
        approvals.use(ANA.name, "export", "signals", 5_000)
    assert approvals.settle(PIA, asked.id, yes=True).state == "approved"
    assert approvals.use(ANA.name, "export", "signals", 5_001) == asked.id
    with pytest.raises(NotAllowed):
        approvals.use(ANA.name, "export", "signals", 5_000)
    assert audit.verify().entries == 3 and audit.verify().ok


def test_nobody_agrees_to_their_own_request_and_no_key_does(approvals: Approvals) -> None:
    asked = approvals.ask(PIA, "erase", "list", 5_000, "the shop closed")
    for who in (PIA, Principal("key:ab12", Role.PRIVACY), ANA, Principal("user:p", Role.PARTNER, "Postwing")):
        with pytest.raises(NotAllowed):
            approvals.settle(who, asked.id, yes=True)
    assert [one.state for one in approvals.list()] == ["waiting"]


@pytest.mark.parametrize(
    ("actor", "what", "subject", "people"),
    [
        ("user:oda", "export", "signals", 10),
        ("user:ana", "erase", "signals", 10),
        ("user:ana", "export", "links", 10),
        ("user:ana", "export", "signals", 5_501),
    ],
)
def test_a_yes_holds_for_nothing_else(
    approvals: Approvals, actor: str, what: str, subject: str, people: int
) -> None:
    approvals.settle(PIA, approvals.ask(ANA, "export", "signals", 5_000, "board").id, yes=True)
    with pytest.raises(NotAllowed):
        approvals.use(actor, what, subject, people)


@pytest.mark.parametrize("before", [True, False])
def test_a_request_and_a_yes_end_by_themselves(approvals: Approvals, clock: SetClock, before: bool) -> None:
    asked = approvals.ask(ANA, "export", "signals", 5_000, "board")
    if before:
        approvals.settle(PIA, asked.id, yes=True)
    clock.set(clock.now() + timedelta(hours=24))
    if not before:
        with pytest.raises(NotFound):
            approvals.settle(PIA, asked.id, yes=True)
    with pytest.raises(NotAllowed):
        approvals.use(ANA.name, "export", "signals", 5_000)
    assert approvals.list() == [] and approvals.list(settled=True)[0].state == "ended"


def test_what_was_refused_stays_so(approvals: Approvals) -> None:
    asked = approvals.ask(ANA, "export", "signals", 5_000, "board")
    assert approvals.settle(ODA, asked.id, yes=False).state == "refused"
    with pytest.raises(NotFound):
        approvals.settle(PIA, asked.id, yes=True)
    with pytest.raises(NotAllowed):
        approvals.use(ANA.name, "export", "signals", 5_000)


def test_who_may_not_do_it_may_not_ask_for_it(approvals: Approvals) -> None:
    with pytest.raises(NotAllowed):
        approvals.ask(ANA, "erase", "list", 5_000, "why not")
    for what, why in (("export", " "), ("dance", "x")):
        with pytest.raises(Refused):
            approvals.ask(ANA, what, "signals", 5_000, why)


def test_a_reason_is_redacted_before_it_is_kept(approvals: Approvals) -> None:
    assert "ada@" not in approvals.ask(ANA, "export", "signals", 5, "ask ada@example.com").why
