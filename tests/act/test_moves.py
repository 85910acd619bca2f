"""What playbooks proposed: listed by decision, said yes or no to, and never twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from allears.act.moves import decisions, moves, settle
from allears.desk.base import Desk
from allears.desk.work import Move
from allears.errors import NotFound, Refused
from allears.guard.permit import Gate

pytestmark = pytest.mark.both_desks


@pytest.fixture
def decided(desk: Desk, noon: datetime) -> Desk:
    """One decision about three customers, one of them held out, and a case of another decision."""
    rows = [
        ("m1", "d1", "c1", "message", "proposed"),
        ("m2", "d1", "c2", "message", "proposed"),
        ("m3", "d1", "c3", "message", "held out"),
        ("m4", "d2", "c1", "open case", "sent"),
    ]
    with desk.session() as session:
        for name, decision, customer, action, state in rows:
            move = Move(
                id=name,
                decision=decision,
                playbook="tell",
                customer=customer,
                action=action,
                target="we-know",
            )
            move.state, move.at, move.due_at, move.why = (
                state,
                noon,
                noon + timedelta(hours=1),
                "tell: it broke",
            )
            move.contacts = state == "proposed"
            session.add(move)
    return desk


def test_a_decision_is_one_line_for_each_state(decided: Desk) -> None:
    listed = {(d["decision"], d["state"]): d["customers"] for d in decisions(decided)}
    assert listed == {("d1", "proposed"): 2, ("d1", "held out"): 1, ("d2", "sent"): 1}
    assert [d["decision"] for d in decisions(decided, state="sent")] == ["d2"]
    assert all(d["at"].tzinfo is not None and d["due_at"].tzinfo is not None for d in decisions(decided))


def test_a_yes_to_a_decision_leaves_the_hold_out_alone(decided: Desk) -> None:
    assert settle(decided, Gate(decided), ["d1"], "approved") == 2
    assert {m["id"]: m["state"] for m in moves(decided, Gate(decided), decision="d1")} == {
        "m1": "approved",
        "m2": "approved",
        "m3": "held out",
    }
    with pytest.raises(Refused, match="proposed"):
        settle(decided, Gate(decided), ["d1"], "approved")


def test_what_was_dismissed_counts_as_no_contact(decided: Desk) -> None:
    settle(decided, Gate(decided), ["m1"], "approved")
    settle(decided, Gate(decided), ["m1", "m2"], "dismissed")
    with decided.reading() as session:
        assert [session.get_one(Move, name).contacts for name in ("m1", "m2")] == [False, False]


def test_what_was_approved_may_be_sent(decided: Desk) -> None:
    settle(decided, Gate(decided), ["d1"], "approved")
    assert settle(decided, Gate(decided), ["m1"], "sent") == 1
    with pytest.raises(Refused):
        settle(decided, Gate(decided), ["m1"], "dismissed")


def test_one_wrong_id_changes_nothing(decided: Desk) -> None:
    with pytest.raises(NotFound):
        settle(decided, Gate(decided), ["m1", "nobody"], "approved")
    assert moves(decided, Gate(decided), state="approved") == []
