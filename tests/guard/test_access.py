from __future__ import annotations

import pytest

from allears.errors import NotAllowed, Refused
from allears.guard.access import (
    RIGHTS,
    SCOPES,
    Action,
    Principal,
    Role,
    allow,
    make_principal,
    read_role,
    require,
    row_partner,
)

# Every cell, written out: y may, n may not.  Order of columns: cio analyst agent engineer privacy partner sender.
EXPECTED = {
    "see_figures": "y y y y y y n",
    "see_health": "y y n y y n n",
    "read_text": "y y y n y y n",
    "see_customers": "y y y n y n n",
    "open_sealed": "n n y n y n n",
    "merge_customers": "n n y n y n n",
    "see_cases": "y y y n y y n",
    "work_cases": "y n y n n y n",
    "run_playbooks": "y n y n n n n",
    "listen": "n n n y n n y",
    "replay_refused": "n n n y n n n",
    "ask_sql": "y y n n n n n",
    "export": "y y n n y n n",
    "erase": "n n n n y n n",
    "serve_rights": "n n n n y n n",
    "read_audit": "y n n n y n n",
    "manage_keys": "y n n y n n n",
    "manage_users": "y n n n n n n",
}
ROLES = ("cio", "analyst", "agent", "engineer", "privacy", "partner", "sender")
CELLS = [
    (role, action, answer == "y")
    for action, row in EXPECTED.items()
    for role, answer in zip(ROLES, row.split(), strict=True)
]


def test_every_role_and_action_is_in_the_expected_table() -> None:
    assert set(ROLES) == set(Role) == set(RIGHTS)
    assert set(EXPECTED) == set(Action)


@pytest.mark.parametrize(("role", "action", "expected"), CELLS)
def test_each_cell(role: str, action: str, expected: bool) -> None:
    principal = Principal("user:x", Role(role), "carrier" if role == "partner" else None)
    verdict = allow(principal, Action(action))
    assert verdict.allowed is expected
    assert role in verdict.rule and action in verdict.rule
    if expected:
        assert require(principal, Action(action)) == verdict.rule
    else:
        with pytest.raises(NotAllowed, match=action) as caught:
            require(principal, Action(action))
        assert caught.value.facts == {"role": role, "action": action}


def test_a_partner_without_a_name_may_nothing_and_sees_nothing() -> None:
    nobody = Principal("user:x", Role.PARTNER)
    assert not any(allow(nobody, action).allowed for action in Action)
    with pytest.raises(NotAllowed):
        row_partner(nobody)


def test_a_partner_has_a_partners_rows_and_nobody_else_has() -> None:
    assert row_partner(Principal("user:x", Role.PARTNER, "north")) == "north"
    assert row_partner(Principal("user:y", Role.CIO)) is None


def test_role_and_partner_go_together() -> None:
    assert make_principal("key", "ab", "partner", "north") == Principal("key:ab", Role.PARTNER, "north")
    for role, partner in (("partner", None), ("partner", ""), ("cio", "north")):
        with pytest.raises(Refused):
            make_principal("key", "ab", role, partner)
    with pytest.raises(Refused, match="cio, analyst"):
        read_role("root")


def test_every_action_is_in_one_scope() -> None:
    assert sorted(a for actions in SCOPES.values() for a in actions) == sorted(Action)
