"""Consent at the moment of use: who said no is neither asked, written to nor counted, from that moment on."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from allears.clock import SetClock
from allears.desk.asking import Invitation
from allears.desk.work import Delivery, Move
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.parcel import sound_parcel
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        rows = [
            {
                "signal_id": f"m{n}", "text": f"Where is my parcel number {n}?", "channel": "chat",
                "occurred_at": (NOW - 2 * DAY).isoformat(), "identifiers": {"email": f"p{n}@example.com"},
            }
            for n in range(4)
        ]  # fmt: skip
        opened.hear(rows, source="desk")
        opened.digest(look=False)
        yield opened


def no(space: Space, n: int, purpose: str, state: str = "refused") -> None:
    space.note_consent(f"p{n}@example.com", purpose, state, why="on the phone", at=space.now())


def purposes(space: Space, text: str) -> None:
    (space.ground.folder / "purposes.toml").write_text(text, "utf-8")


def offer(space: Space, purpose: str = "marketing") -> list[dict[str, Any]]:
    """Let a playbook propose an offer to everybody who cancelled, and list whom it is for."""
    (space.ground.folder / "playbooks").mkdir(exist_ok=True)
    (space.ground.folder / "playbooks" / "offer.toml").write_text(
        f"""name = "offer"
says = "who cancels hears an offer"
goal = {{ measure = "returns" }}
holdout = 0.0
when = {{ on = "event", names = ["Cancelled"] }}
who = {{ are = "customer" }}
then = [ {{ do = "propose message", message = "come-back", purpose = "{purpose}" }} ]
""",
        "utf-8",
    )
    space.hear(
        [
            {
                "signal_id": f"gone{n}", "kind": "event", "name": "Cancelled", "channel": "web",
                "occurred_at": space.now().isoformat(), "identifiers": {"email": f"p{n}@example.com"},
            }
            for n in range(4)
        ],
        source="shop",
    )  # fmt: skip
    space.digest(look=False)
    space.react(space.now() - DAY)
    return [move for d in space.moves() for move in space.moves(decision=d["decision"])]


def states(moves: list[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for move in moves:
        word = move["held_by"] if move["state"] == "suppressed" else move["state"]
        found[word] = found.get(word, 0) + 1
    return found


def test_an_offer_goes_only_to_those_who_consented(space: Space) -> None:
    no(space, 0, "marketing", "given")
    no(space, 1, "marketing", "refused")
    no(space, 2, "marketing", "given")
    no(space, 2, "marketing", "withdrawn")
    assert states(offer(space)) == {
        "proposed": 1,
        "refused marketing": 1,
        "withdrew consent to marketing": 1,
        "no consent to marketing": 1,
    }


def test_service_messages_wait_for_nobody(space: Space) -> None:
    no(space, 0, "service", "refused")
    assert states(offer(space, "service")) == {"proposed": 4}


def test_a_proposed_offer_is_taken_back_when_consent_is_withdrawn(space: Space) -> None:
    for n in range(4):
        no(space, n, "marketing", "given")
    moves = offer(space)
    assert states(moves) == {"proposed": 4}
    no(space, 0, "marketing", "withdrawn")
    assert sum(space.settle_moves([m["decision"]], "approved") for m in moves) == 3
    no(space, 1, "marketing", "withdrawn")
    later = [m for d in space.moves() for m in space.moves(decision=d["decision"])]
    assert states(later) == {"approved": 2, "withdrew consent to marketing": 2}
    with space.ground.desk.reading() as session:
        assert {m.contacts for m in session.scalars(select(Move).where(Move.state == "suppressed"))} == {
            False
        }


def test_a_rehearsal_counts_those_who_would_be_left_in_peace(space: Space) -> None:
    no(space, 0, "marketing", "given")
    offer(space)
    told = space.rehearse("offer", days=7)
    assert told["suppressed"] == {"no consent to marketing": 3} and told["people"] == 1


def test_who_objects_to_research_is_not_invited(space: Space) -> None:
    no(space, 0, "research")
    told, links = space.ask("nps", "days=30")
    assert told["invited"] == 3 and told["reasons"] == {"objected to research": 1}
    assert space.customer("p0@example.com").id not in {row["customer"] for row in links}


def test_a_stranger_who_objected_is_not_invited(space: Space, tmp_path: Path) -> None:
    words = tmp_path / "words.csv"
    words.write_text("email,purpose,state,said_at\nnew@example.com,research,no,2026-05-01\n", "utf-8")
    space.import_consent(words)
    people = tmp_path / "people.csv"
    people.write_text("email\nnew@example.com\np1@example.com\n", "utf-8")
    told, _ = space.ask("nps", str(people))
    assert told["invited"] == 1 and told["reasons"] == {"objected to research": 1}


def test_an_invitation_that_waits_is_withdrawn_and_its_link_not_handed_out(space: Space) -> None:
    with space.ground.desk.session() as session:
        for n in range(2):
            customer = space.customer(f"p{n}@example.com").id
            session.add(
                Move(
                    id=f"m{n}", decision="d", playbook="ask", customer=customer, action="survey", target="after-fix",
                    purpose="research", state="approved", at=NOW, due_at=NOW + DAY, contacts=True,
                )
            )  # fmt: skip
    (space.ground.folder / "playbooks").mkdir()
    (space.ground.folder / "playbooks" / "ask.toml").write_text(
        """name = "ask"
says = "x"
goal = { measure = "x" }
when = { on = "issue fixed" }
who = { are = "wrote" }
then = [ { do = "survey", survey = "after-fix" } ]
""",
        "utf-8",
    )
    space.react(NOW)
    no(space, 0, "research")
    clock = space.ground.clock
    assert isinstance(clock, SetClock)
    clock.set(NOW + 2 * DAY)
    assert [row["customer"] for row in space.links("after-fix")] == [space.customer("p1@example.com").id]
    with space.ground.desk.reading() as session:
        held = session.scalars(select(Invitation).where(Invitation.state == "withdrawn")).all()
    assert [row.why for row in held] == ["objected to research"]


def test_a_delivery_about_somebody_who_said_no_is_not_sent(space: Space) -> None:
    space.add_destination("mailer", "https://192.0.2.1/", allow_private=True)
    told, _ = space.ask("nps", "days=30", via="mailer")
    assert told["invited"] == 4
    for n in range(4):
        no(space, n, "research")
    assert asyncio.run(space.outbox.run_once()) == {"sent": 0, "failed": 0, "dead": 4}
    with space.ground.desk.reading() as session:
        rows = session.scalars(select(Delivery)).all()
    assert {row.last_error for row in rows} == {"objected to research"}
    assert space.outbox.destinations()[0]["failures"] == 0, "no fault of the destination's"
    assert not any(row.person in row.payload for row in rows if row.person)


def test_where_surveys_are_switched_off_nobody_is_asked(space: Space) -> None:
    purposes(space, "[research]\non = false")
    with pytest.raises(NotAllowed, match="research is switched off"):
        space.ask("nps", "days=30")
    with pytest.raises(NotAllowed, match="research is switched off"):
        space.links("after-fix")


def test_a_file_of_words_taken_in_twice_is_one(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text(
        "email,user_id,purpose,state,said_at,version,how\n"
        "p0@example.com,,marketing,opt-in,2026-05-01T10:00:00Z,v3,shop checkout by ada@example.com\n"
        "p1@example.com,u1,marketing,no,2026-05-01T10:00:00Z,v3,\n"
        ",,marketing,yes,2026-05-01,,\n"
        "p2@example.com,,profit,yes,2026-05-01,,\n"
        "p2@example.com,,marketing,perhaps,2026-05-01,,\n"
        "p2@example.com,,marketing,yes,soon,,\n"
        "p2@example.com,,marketing,yes,2030-01-01,,\n",
        "utf-8",
    )
    first, again = space.import_consent(path), space.import_consent(path)
    assert (first.rows, first.new, first.known, first.refused) == (7, 2, 0, 5)
    assert (again.new, again.known) == (0, 2)
    refused = space.refused(source="consent")
    assert sorted(r["place"] for r in refused) == [f"words.csv line {n}" for n in range(4, 9)]
    assert not any("example.com" in r["reason"] for r in refused)
    [word] = space.consent("p0@example.com")["history"]
    assert (word["version"], word["source"]) == ("v3", "file words.csv") and "ada@" not in word["how"]


@pytest.mark.parametrize("text", ["email,state,said_at\n", "name,purpose,state,said_at\n", "\xff"])
def test_a_file_that_is_no_list_of_words_is_refused(space: Space, tmp_path: Path, text: str) -> None:
    path = tmp_path / "words.csv"
    path.write_text(text, "latin-1")
    with pytest.raises(Refused):
        space.import_consent(path)
    with pytest.raises(NotFound):
        space.import_consent(tmp_path / "nowhere.csv")


def test_a_word_needs_a_reason_and_a_time_that_is_over(space: Space) -> None:
    with pytest.raises(Refused, match="how it was told"):
        space.note_consent("p0@example.com", "marketing", "given", why=" ")
    with pytest.raises(Refused, match="over"):
        space.note_consent("p0@example.com", "marketing", "given", why="x", at=NOW + DAY)
    with pytest.raises(Refused, match="no such purpose"):
        space.note_consent("p0@example.com", "profit", "given", why="x")
    with pytest.raises(NotFound):
        space.note_consent("nobody@example.com", "marketing", "given", why="x")


def test_the_proof_holds_every_word_and_anybody_can_check_it(space: Space, tmp_path: Path) -> None:
    no(space, 0, "marketing", "given")
    no(space, 0, "marketing", "withdrawn")
    out = tmp_path / "proof.zip"
    assert space.prove_consent("p0@example.com", out) == 2
    key = space.ground.audit.signer.public
    assert sound_parcel(out.read_bytes(), key)
    with zipfile.ZipFile(out) as archive:
        told = msgspec.json.decode(archive.read("consent.json"))
    assert [w["state"] for w in told["history"]] == ["given", "withdrawn"]
    assert b"p0@example.com" not in out.read_bytes()
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(changed, "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name).replace(b'"given"', b'"taken"'))
    assert not sound_parcel(changed.read_bytes(), key)
    with pytest.raises(Refused, match="already"):
        space.prove_consent("p0@example.com", out)


def test_words_follow_a_merge_and_part_with_it(space: Space) -> None:
    no(space, 0, "research")
    act = space.merge("p0@example.com", "p1@example.com", why="same house")
    assert not space.consent("p1@example.com")["purposes"][3]["allowed"]
    space.unmerge(str(act["act"]) if "act" in act else str(act["id"]))
    assert space.consent("p1@example.com")["purposes"][3]["allowed"]
    assert not space.consent("p0@example.com")["purposes"][3]["allowed"]


def test_erasing_forgets_what_was_said(space: Space) -> None:
    no(space, 0, "marketing", "given")
    assert {row["purpose"]: row["given"] for row in space.consent_coverage()}["marketing"] == 1
    receipt = space.erase("p0@example.com")
    assert receipt.removed["consent_words"] == 1
    assert {row["purpose"]: row["given"] for row in space.consent_coverage()}["marketing"] == 0


def test_a_no_is_in_the_audit_with_who_noted_it(space: Space) -> None:
    no(space, 0, "marketing", "withdrawn")
    entry = next(e for e in space.ground.audit.entries() if e.action == "consent")
    assert entry.detail["purpose"] == "marketing" and entry.detail["state"] == "withdrawn"
