"""The register says what is configured and stored, and of everything else that it is not stated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.errors import Refused
from allears.guard.purpose import PURPOSES
from allears.guard.stated import read_stated
from allears.journey import rules
from allears.show.register import sections, write_html, write_markdown
from allears.space import Space

STATED = """
measures = ["the office is locked"]
[controller]
name = "Acme | Sons <Ltd>"
officer = "Ada, privacy@acme.example"
[recipient.crm]
who = "Desk Ltd, a processor"
country = "United States"
safeguard = "standard contractual clauses"
[recipient.printer]
who = "prints letters"
[purpose.marketing]
note = "assessed in May"
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with Space.open(tmp_path_factory.mktemp("register") / "acme") as made:
        rows = [
            {"text": "Call me on +44 20 7946 0958", "channel": "chat", "identifiers": {"email": "bo@example.com"}, "relationship": "consumer"},
            {"text": "Our carrier is late", "channel": "email", "identifiers": {"user_id": "u2"}, "relationship": "partner"},
        ]  # fmt: skip
        made.hear(rows, source="helpdesk")
        made.digest(look=False)
        made.add_destination("crm", "https://hooks.example.com/secret-path?token=1")
        yield made


def test_without_a_file_nothing_is_made_up(space: Space) -> None:
    told = space.register()
    assert set(told["controller"].values()) == {"not stated"}
    crm = next(r for r in told["recipients"] if r["name"] == "crm")
    assert [crm[n] for n in ("who", "does", "country", "safeguard")] == ["not stated"] * 4
    assert len(told["not_stated"]) == 6 + 4
    assert {r["days"] for r in told["retention"]} == {None}


def test_what_is_stored_and_configured_is_in_it(space: Space) -> None:
    told = space.register()
    assert [p["purpose"] for p in told["purposes"]] == list(PURPOSES)
    assert {(p["category"], p["n"]) for p in told["people"]} >= {("consumers", 1), ("partners", 1)}
    assert {d["category"] for d in told["data"]} >= {
        "feedback by chat",
        "feedback by email",
        "identifier: email",
    }
    assert [s["source"] for s in told["sources"]] == ["helpdesk"]
    assert "secret-path" not in str(told) and "webhook to hooks.example.com" in str(told)
    assert "7946" not in str(told) and "bo@example" not in str(told)


def test_what_the_company_states_stands_beside_it(space: Space) -> None:
    path, retention = space.ground.folder / rules.REGISTER, space.ground.folder / rules.RETENTION
    path.write_text(STATED, "utf-8")
    retention.write_text('[[keep]]\nwhat = "originals"\ndays = 90\nchannel = "chat"\n', "utf-8")
    try:
        told = space.register()
    finally:
        path.unlink(), retention.unlink()
    by_name = {r["name"]: r for r in told["recipients"]}
    assert by_name["crm"]["country"] == "United States" and by_name["printer"]["way"] == "outside of Allears"
    assert "recipient crm: country" not in told["not_stated"] and "recipient crm: does" in told["not_stated"]
    kept = {(r["what"], r["of"]): r["days"] for r in told["retention"]}
    assert kept["originals", "chat"] == 90 and kept["originals", "all others"] is None
    assert {"measure": "the office is locked", "from": "stated"} in told["measures"]
    page, lines = write_html(told), write_markdown(told)
    assert "Acme | Sons &lt;Ltd&gt;" in page and "<script" not in page
    assert "Acme \\| Sons <Ltd>" in lines
    for section in sections(told):
        assert section.title in page and f"## {section.title}" in lines
        assert {len(row) for row in section.rows} <= {len(section.columns)}


@pytest.mark.parametrize("text", ["[controler]\nname = 1", "[controller]\nnam = 'x'", "[purpose.fun]", "= 1"])
def test_a_wrong_file_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Refused) as wrong:
        read_stated(text)
    assert wrong.value.place == "register.toml"


def test_doctor_checks_the_file(space: Space, tmp_path: Path) -> None:
    assert rules.REGISTER in {row["check"] for row in rules.check(space.ground)}
