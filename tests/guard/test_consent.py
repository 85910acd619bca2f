"""Consent: the last word counts whatever the order of arrival, ties go to the more protective, and only the gate gives permits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.desk import Base, Desk
from allears.desk.aliases import STRANGER
from allears.desk.consent import ConsentWord
from allears.desk.identity import Identifier, IdentityRevision
from allears.desk.upgrade import load_models
from allears.errors import NotAllowed, Refused
from allears.guard.aliases import Aliases
from allears.guard.consent import (
    RANKS,
    STATES,
    Word,
    forget_words,
    history,
    note_words,
    standing,
)
from allears.guard.permit import Gate, Permit, Verdict
from allears.guard.purpose import PURPOSES, Purpose, Purposes, default_purposes, read_purposes
from allears.guard.space_key import SpaceKey
from allears.guard.standings import Standings, coverage

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
DIGESTS = [f"{n:032x}" for n in range(6)]


def said(digest: str, state: str, hour: int, purpose: Purpose = "marketing") -> Word:
    return Word((digest,), purpose, state, NOON + timedelta(hours=hour), "test", "test")  # type: ignore[arg-type]


def moved(session: Session) -> IdentityRevision:
    """Move the number that says that who is who has changed."""
    row = session.get(IdentityRevision, 1) or IdentityRevision(id=1, revision=0, forgotten=0)
    row.revision += 1
    session.add(row)
    return row


def belongs(desk: Desk, owners: dict[str, str]) -> None:
    with desk.session() as session:
        changed = moved(session)
        for number, (digest, customer) in enumerate(owners.items()):
            row = session.scalar(select(Identifier).where(Identifier.digest == digest)) or Identifier(
                number=number, digest=digest, type="email", relationship="consumer", told="consumer",
                first_seen_at=NOON, since=NOON, revision=1,
            )  # fmt: skip
            row.customer, row.revision = customer, changed.revision
            session.add(row)


def note(desk: Desk, *words: Word) -> int:
    with desk.session() as session:
        return note_words(session, words, NOON)


class Consents(RuleBasedStateMachine):
    """Words come late, twice and out of order, people are joined and parted; a list of all words is the truth."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.desk = Desk("sqlite:///desk.db", Path(self._folder.name))
        self.desk.aliases = Aliases(SpaceKey(bytes(32)).sub_key)
        load_models()
        Base.metadata.create_all(self.desk.engine)
        self.kept = Standings(self.desk, "marketing")
        self.words: set[Word] = set()
        self.owners: dict[str, str] = {}

    @rule(
        digest=st.sampled_from(DIGESTS),
        state=st.sampled_from(["given", "refused", "withdrawn"]),
        hour=st.integers(0, 3),
        again=st.booleans(),
    )
    def say(self, digest: str, state: str, hour: int, again: bool) -> None:
        word = said(digest, state, hour)
        assert note(self.desk, *[word] * (1 + again)) == (word not in self.words)
        self.words.add(word)

    @rule(digest=st.sampled_from(DIGESTS), customer=st.sampled_from(["c_1", "c_2"]))
    def belong(self, digest: str, customer: str) -> None:
        self.owners[digest] = customer
        belongs(self.desk, self.owners)

    @precondition(lambda self: self.words)
    @rule(digest=st.sampled_from(DIGESTS))
    def erase(self, digest: str) -> None:
        with self.desk.session() as session:
            forget_words(session, {digest: "c_1"})
            changed = moved(session)
            changed.forgotten = changed.revision
        self.words = {word for word in self.words if word.digests != (digest,)}

    @invariant()
    def the_last_word_counts(self) -> None:
        people: dict[str, list[Word]] = {}
        for word in self.words:
            people.setdefault(self.owners.get(word.digests[0], STRANGER + word.digests[0]), []).append(word)
        told = standing(self.desk, "marketing", list(people))
        assert told.keys() == people.keys()
        known = {c: held.state for c, held in told.items() if not c.startswith(STRANGER)}
        for stood in (self.kept.now(), Standings(self.desk, "marketing").now()):
            states = [STATES[state] for state in stood.states]
            assert dict(zip([c.decode() for c in stood.customers], states, strict=True)) == known
        gate = Gate(self.desk)
        for person, words in people.items():
            last = max(words, key=lambda w: (w.at, RANKS[w.state]))
            assert told[person].since == last.at
            assert (told[person].state == "given") == (last.state == "given")
            assert (gate.held("marketing", [person]) == [""]) == (last.state == "given")
            if last.state == "refused" and any(w.state == "given" for w in words):
                assert told[person].state == "withdrawn"

    def teardown(self) -> None:
        self.desk.close()
        self._folder.cleanup()


TestConsents = Consents.TestCase
TestConsents.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def test_a_stranger_who_becomes_a_customer_keeps_their_word(desk: Desk) -> None:
    note(desk, said(DIGESTS[0], "withdrawn", 0))
    assert standing(desk, "marketing", [STRANGER + DIGESTS[0]])[STRANGER + DIGESTS[0]].state == "withdrawn"
    belongs(desk, {DIGESTS[0]: "c_1"})
    assert standing(desk, "marketing", ["c_1"])["c_1"].state == "withdrawn"
    assert STRANGER + DIGESTS[0] in standing(desk, "marketing", [STRANGER + DIGESTS[0]])


def test_nobody_but_the_gate_makes_a_permit(desk: Desk) -> None:
    with pytest.raises(TypeError, match="only the gate"):
        Permit(Gate(desk), "marketing", Verdict("allowed", "because"), made_by=object())
    assert Gate(desk).permit("service").verdict == ("allowed", "service: contract")


def test_offers_wait_for_consent_and_nothing_else_does(desk: Desk) -> None:
    gate = Gate(desk)
    assert {p: gate.held(p, ["c_1"]) for p in PURPOSES if gate.held(p, ["c_1"]) != [""]} == {
        "marketing": ["no consent to marketing"]
    }
    assert all(gate.bounds(p).everything for p in PURPOSES if p != "marketing")


def test_an_objection_counts_for_legitimate_interest_and_not_for_a_contract(desk: Desk) -> None:
    belongs(desk, {DIGESTS[0]: "c_1", DIGESTS[1]: "c_2"})
    note(desk, *(said(DIGESTS[0], "refused", 0, p) for p in PURPOSES))
    gate = Gate(desk)
    assert {p: gate.held(p, ["c_1", "c_2"]) for p in PURPOSES} == {
        "service": ["", ""],
        "analytics": ["objected to analytics", ""],
        "product": ["objected to product", ""],
        "research": ["objected to research", ""],
        "marketing": ["refused marketing", "no consent to marketing"],
        "safety": ["", ""],
        "rights": ["", ""],
    }
    assert gate.bounds("analytics").keys.to_pylist() == ["c_1"] and not gate.bounds("analytics").only
    assert gate.verdict("analytics") == ("limited", "analytics: without those who objected")


def test_what_was_let_in_before_counts_no_longer_after_a_withdrawal(desk: Desk) -> None:
    belongs(desk, {DIGESTS[0]: "c_1"})
    note(desk, said(DIGESTS[0], "given", 0))
    permit = Gate(desk).permit("marketing")
    assert permit.held(["c_1"]) == [""] and permit.bounds().keys.to_pylist() == ["c_1"]
    note(desk, said(DIGESTS[0], "refused", 1))
    assert permit.held(["c_1"]) == ["withdrew consent to marketing"]
    assert len(permit.bounds().keys) == 0 and permit.bounds().only


def test_a_purpose_that_is_switched_off_lets_nobody_through(desk: Desk) -> None:
    off = read_purposes("[research]\non = false")
    gate = Gate(desk, lambda: off)
    assert gate.held("research", ["c_1"]) == ["research is switched off"]
    with pytest.raises(NotAllowed, match="research is switched off"):
        gate.permit("research")
    with pytest.raises(NotAllowed):
        gate.bounds("research")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[profit]\nbasis = 'consent'", "profit"),
        ("[marketing]\nbasis = 'because'", "basis"),
        ("[safety]\non = false", "safety"),
        ("[rights]\nbasis = 'consent'", "rights"),
        ("[marketing]\ntcf = [25]", "tcf"),
        ("marketing", "TOML"),
    ],
)
def test_wrong_purposes_are_refused_and_named(text: str, place: str) -> None:
    with pytest.raises(Refused, match=place):
        read_purposes(text)


def test_what_a_space_does_not_set_is_as_it_ships() -> None:
    found = read_purposes("[analytics]\nbasis = 'consent'")
    assert found["analytics"].categories == default_purposes()["analytics"].categories
    assert found["marketing"] == default_purposes()["marketing"]
    assert isinstance(found, Purposes)


def test_coverage_counts_each_customer_once(desk: Desk) -> None:
    belongs(desk, dict(zip(DIGESTS, ["c_1", "c_1", "c_2", "c_3", "c_4", "c_5"], strict=True)))
    note(
        desk,
        said(DIGESTS[0], "given", 0), said(DIGESTS[1], "given", 1), said(DIGESTS[2], "refused", 0),
        said(DIGESTS[3], "given", 0), said(DIGESTS[3], "withdrawn", 0), said("f" * 32, "given", 0),
    )  # fmt: skip
    stood = Standings(desk, "marketing").now()
    assert coverage(desk, stood) == {"given": 1, "refused": 1, "withdrawn": 1, "unknown": 2, "n": 5}


def test_every_word_stays_and_says_where_it_came_from(desk: Desk) -> None:
    note(desk, said(DIGESTS[0], "given", 0), said(DIGESTS[0], "withdrawn", 5))
    assert [(h["state"], h["source"], h["noted_at"]) for h in history(desk, [DIGESTS[0]])] == [
        ("given", "test", NOON),
        ("withdrawn", "test", NOON),
    ]
    with desk.reading() as session:
        assert len(session.scalars(select(ConsentWord)).all()) == 2
