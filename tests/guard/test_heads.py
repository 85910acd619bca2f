from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from allears.clock import SetClock
from allears.desk import Desk
from allears.desk.audit import AuditEntry, AuditHead, AuditNode
from allears.errors import Refused, WorldFailed
from allears.guard.audit import Audit
from allears.guard.heads import note, noted
from allears.guard.proof import Proof, check
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault


@pytest.fixture
def grown(audit: Audit, clock: SetClock) -> Audit:
    for n in range(11):
        audit.record("user:ana", "look", f"c{n}", "case 7")
        if n in (2, 6):
            audit.sign()
            clock.advance(timedelta(minutes=5))
    return audit


def test_nothing_done_has_no_head(audit: Audit) -> None:
    assert audit.sign() is None and audit.heads() == []


def test_a_head_is_signed_once_for_each_size(grown: Audit) -> None:
    one, two = grown.sign(), grown.sign()
    assert one == two and [h.size for h in grown.heads()] == [3, 7, 11]
    assert grown.verify()._asdict() | {"head": "", "root": ""} == {
        "ok": True, "entries": 11, "head": "", "first_bad": None, "root": "", "heads": 3,
    }  # fmt: skip


def test_each_entry_can_be_proven_to_whoever_has_the_public_key(grown: Audit) -> None:
    key = grown.signer.public
    for number in range(1, 12):
        proof = msgspec.json.decode(msgspec.json.encode(grown.prove(number)), type=Proof)
        assert check(proof, key)
        other = msgspec.structs.replace(proof, fields=proof.fields | {"actor": "user:bob"})
        assert not check(other, key)
    with pytest.raises(Refused, match="entry of 1 to 11"):
        grown.prove(12)


def test_growth_can_be_proven_since_every_earlier_head(grown: Audit) -> None:
    for old in grown.heads():
        proof = grown.prove_growth(old)
        assert check(proof, grown.signer.public)
        assert not check(msgspec.structs.replace(proof, old=proof.head, head=old), grown.signer.public)


def test_a_proof_of_another_space_does_not_hold(grown: Audit, desk: Desk) -> None:
    proof = grown.prove(3)
    assert not check(proof, Audit(desk, Vault(desk, SpaceKey.new(), "acme")).signer.public)
    assert not check(proof, "not hex") and not check(proof, "00")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.data())
def test_one_flipped_bit_of_a_proof_is_found(grown: Audit, data: st.DataObject) -> None:
    proof = grown.prove(5) if data.draw(st.booleans()) else grown.prove_growth(grown.heads()[0])
    raw = msgspec.json.encode(proof)
    place, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    mangled = raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]
    try:
        changed = msgspec.json.decode(mangled, type=Proof)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    # The key it brings along is not believed, and hex has two cases: these flips say nothing new.
    told = [msgspec.json.encode(msgspec.structs.replace(p, key="")).lower() for p in (proof, changed)]
    assert told[0] == told[1] or not check(changed, grown.signer.public)


@pytest.mark.parametrize(
    "table, column", [(AuditNode, "hash"), (AuditHead, "root"), (AuditHead, "signature")]
)
def test_a_changed_node_or_head_is_found(grown: Audit, desk: Desk, table: type, column: str) -> None:
    with desk.session() as session:
        session.execute(update(table).values({column: b"x" * 32}))
    assert not grown.verify().ok


def test_a_removed_node_and_one_too_many_are_found(grown: Audit, desk: Desk) -> None:
    with desk.session() as session:
        session.execute(delete(AuditNode).where(AuditNode.level == 2, AuditNode.position == 0))
    assert not grown.verify().ok
    with desk.session() as session:
        session.add(AuditNode(level=2, position=0, hash=b"x" * 32))
    assert not grown.verify().ok


def test_an_end_cut_off_shows_against_heads_kept_elsewhere(grown: Audit, desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.jsonl"
    head = grown.sign()
    assert head is not None and note(head, outside) and not note(head, outside)
    with desk.session() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.number > 8))
        session.execute(delete(AuditNode).where((AuditNode.position + 1) * 2 > 8, AuditNode.level == 1))
        session.execute(delete(AuditHead).where(AuditHead.size > 8))
    assert grown.verify().ok  # within the space everything fits
    found = grown.verify(heads=noted(outside))
    assert not found.ok and found.first_bad == 9


def test_who_holds_the_key_cannot_rewrite_what_was_noted_elsewhere(
    desk: Desk, vault: Vault, tmp_path: Path
) -> None:
    outside = tmp_path / "elsewhere.jsonl"
    honest = Audit(desk, vault)
    honest.record("user:ana", "open_sealed", "c1")
    head = honest.sign()
    assert head is not None and note(head, outside)
    with desk.session() as session:
        for table in (AuditEntry, AuditNode, AuditHead):
            session.execute(delete(table))
    honest.record("user:bob", "look", "c2")
    assert honest.verify().ok
    assert not honest.verify(heads=noted(outside)).ok


def test_a_file_of_heads_that_cannot_be_written_or_read_is_said_so(grown: Audit, tmp_path: Path) -> None:
    head = grown.sign()
    assert head is not None
    with pytest.raises(WorldFailed, match="cannot be noted"):
        note(head, tmp_path / "nowhere" / "heads.jsonl")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    with pytest.raises(Refused, match="signed head"):
        noted(tmp_path / "bad.jsonl")
