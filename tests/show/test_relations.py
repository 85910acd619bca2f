"""The drawing of where a customer belongs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from allears.show.relations import relations_svg

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "organisation",
        "colleagues": 0,
        "role": "",
        "relationship": "consumer",
        "valid_from": MAY,
        "valid_to": None,
        "above": [],
    } | more


def test_names_are_text_and_never_markup() -> None:
    drawn = ElementTree.fromstring(relations_svg("c_1", [row('<script>hurt()</script> & "Sons"')]))
    assert [e.tag for e in drawn.iter() if "script" in e.tag] == []
    assert any("<script>" in (e.text or "") for e in drawn.iter())


def test_what_ended_is_dashed_and_says_until_when() -> None:
    drawn = relations_svg("c_1", [row("Acme", valid_to=MAY, role="buyer", above=["Holding"]), row("Bolt")])
    assert drawn.count("stroke-dasharray") == 1
    assert "buyer, May 2026 to May 2026" in drawn and "part of Holding" in drawn
    assert "customer at, since May 2026" in drawn


def test_a_household_says_how_many_live_there_and_no_name() -> None:
    drawn = relations_svg("c_1", [row("household", kind="household", colleagues=2, role="member")])
    assert "Household with 2 other customers" in drawn and "same family name and address" in drawn
    assert "0 organisations and 1 household" in drawn
