from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from allears.desk import Desk
from allears.desk.audit import AuditEntry, AuditNode
from allears.errors import NotAllowed, Refused
from allears.guard.access import Principal, Role
from allears.guard.audit import Audit
from allears.guard.audit_check import Head
from allears.guard.audit_entry import START
from allears.guard.look import look
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault

pytestmark = pytest.mark.both_desks


def test_an_empty_chain_is_sound(audit: Audit) -> None:
    assert audit.verify()[:4] == (True, 0, START, None)
    assert audit.head() == Head(0, START)


def test_entries_come_newest_first_and_chain(audit: Audit) -> None:
    written = [audit.record("user:ana", "open_sealed", f"c{n}", "case 7", {"rows": n}) for n in range(5)]
    assert audit.entries(2) == written[:2:-1]
    assert audit.entries(2, before=4) == [written[2], written[1]]
    assert audit.verify()[:4] == (True, 5, written[-1].hash, None)
    assert audit.head() == (5, written[-1].hash)
    assert audit.about("c3") == [written[3]]


@pytest.mark.sqlite_alone
def test_targets_are_salted_so_equal_ones_look_different(audit: Audit, tmp_path: Path) -> None:
    one, two = (audit.record("user:ana", "look", "customer-canary") for _ in range(2))
    assert one.target_hash != two.target_hash
    assert audit.about("customer-canary") == [one, two]
    assert not any(b"customer-canary" in path.read_bytes() for path in tmp_path.glob("desk.db*"))


@pytest.mark.sqlite_alone
def test_reasons_are_redacted(audit: Audit, tmp_path: Path) -> None:
    entry = audit.record("user:ana", "look", "c1", "wrote from canary.person@example.com")
    assert entry.why == "wrote from <EMAIL_1>"
    assert not any(b"canary.person" in path.read_bytes() for path in tmp_path.glob("desk.db*"))


@pytest.mark.parametrize(
    "column", ["actor", "action", "target_hash", "why", "detail", "previous", "hash", "seal", "salt", "at"]
)
def test_one_changed_cell_is_found(desk: Desk, audit: Audit, column: str) -> None:
    for n in range(6):
        audit.record("user:ana", "look", f"c{n}", "because", {"n": n})
    with desk.session() as session:
        row = session.get(AuditEntry, 4)
        assert row is not None
        value = getattr(row, column)
        changed = (
            value + timedelta(seconds=1)
            if column == "at"
            else value[:-1] + (b"\x00" if isinstance(value, bytes) else "~")
        )
        setattr(row, column, changed)
    assert audit.verify()[0:4:3] == (False, 4)


def test_removed_swapped_and_cut_entries_are_found(desk: Desk, audit: Audit) -> None:
    for n in range(6):
        audit.record("user:ana", "look", f"c{n}")
    head = audit.head()
    assert audit.verify(head).ok
    with desk.session() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.number == 6))
        session.execute(delete(AuditNode).where(AuditNode.level == 1, AuditNode.position == 2))
    assert audit.verify().ok  # a cut end shows only against a head noted elsewhere
    assert audit.verify(head)[0:4:3] == (False, 6)
    with desk.session() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.number == 3))
    assert audit.verify()[0:4:3] == (False, 3)


def test_a_chain_rewritten_without_the_key_is_found(desk: Desk, audit: Audit) -> None:
    audit.record("user:ana", "look", "c1")
    with desk.session() as session:
        session.execute(delete(AuditEntry))
        session.execute(delete(AuditNode))
    forger = Audit(desk, Vault(desk, SpaceKey.new(), "acme"))
    forger.record("user:bob", "look", "c1")
    assert forger.verify().ok
    assert audit.verify()[:4] == (False, 0, START, 1)


def test_two_writers_at_once_do_not_fork_the_chain(desk: Desk, vault: Vault) -> None:
    def work(name: str) -> None:
        own = Audit(desk, vault)
        for n in range(15):
            own.record(name, "look", f"c{n}")

    threads = [threading.Thread(target=work, args=(f"user:{n}",)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    verified = Audit(desk, vault).verify()
    assert verified.ok and verified.entries == 60


def test_a_failed_act_leaves_no_entry(desk: Desk, audit: Audit) -> None:
    with pytest.raises(RuntimeError), desk.session() as session:
        audit.write(session, "user:ana", "erase", ["c1"])
        raise RuntimeError
    assert audit.entries() == []


def test_looking_at_originals_needs_right_and_reason_and_is_written_down(
    desk: Desk, vault: Vault, audit: Audit
) -> None:
    sealed = vault.seal(["c1", "c2", "c1"], [b"one", b"two", b"three"], "text")
    agent, analyst = Principal("user:ag", Role.AGENT), Principal("user:an", Role.ANALYST)
    with pytest.raises(NotAllowed, match="analyst may not open_sealed"):
        look(desk, vault, audit, analyst, why="curious", subjects=["c1"], sealed=sealed[:1], field="text")
    with pytest.raises(Refused, match="reason"):
        look(desk, vault, audit, agent, why=" ", subjects=["c1"], sealed=sealed[:1], field="text")
    seen = look(
        desk, vault, audit, agent, why="case 12", subjects=["c1", "c2", "c1"], sealed=sealed, field="text"
    )
    assert seen == [b"one", b"two", b"three"]
    told = [(entry.actor, entry.action, entry.why) for entry in reversed(audit.entries())]
    assert told == [
        ("user:an", "open_sealed_denied", "curious"),
        ("user:ag", "open_sealed", "case 12"),
        ("user:ag", "open_sealed", "case 12"),
    ]
    assert [e.number for e in audit.about("c1")] == [1, 2] and [e.number for e in audit.about("c2")] == [3]


def test_the_numbers_of_the_desk_are_as_expected(desk: Desk, audit: Audit) -> None:
    audit.record("user:ana", "look", "c1")
    with desk.session() as session:
        session.execute(update(AuditEntry).values(number=7))
        assert session.scalar(select(AuditEntry.number)) == 7
    assert audit.verify()[0:4:3] == (False, 1)
