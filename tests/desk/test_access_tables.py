"""What the tables of access, keys and audit keep, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError

from allears.desk import Desk
from allears.desk.access import ApiKey
from allears.desk.audit import AuditEntry
from allears.desk.keys import DestroyedKey, SubjectKey

pytestmark = pytest.mark.both_desks

AT = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def subject_key(generation: int) -> SubjectKey:
    return SubjectKey(
        tenant="t", subject="s", generation=generation, made_at=AT, fingerprint="f" * 16, wrapped=bytes(60)
    )


def test_times_come_back_in_utc(desk: Desk) -> None:
    with desk.session() as session:
        session.add(
            ApiKey(
                id="ab",
                name="n",
                role="cio",
                partner=None,
                secret_hash="0",
                made_at=AT,
                expires_at=None,
                revoked_at=None,
            )
        )
    with desk.session() as session:
        row = session.get(ApiKey, "ab")
    assert row is not None and row.made_at == AT and row.made_at.tzinfo is UTC


def test_a_subject_has_one_key_of_a_generation_and_a_key_is_destroyed_once(desk: Desk) -> None:
    with desk.session() as session:
        session.add_all([subject_key(1), subject_key(2)])
    with pytest.raises(IntegrityError), desk.session() as session:
        session.add(subject_key(2))
    with desk.session() as session:
        session.add(DestroyedKey(key_id=1, destroyed_at=AT))
    for key_id in (1, 99):
        with pytest.raises(IntegrityError), desk.session() as session:
            session.add(DestroyedKey(key_id=key_id, destroyed_at=AT))


def test_two_audit_entries_cannot_have_one_number(desk: Desk) -> None:
    def entry() -> AuditEntry:
        return AuditEntry(
            number=1, at=AT, actor="a", action="b", salt=b"", target_hash="", why="", detail="{}", previous="", hash="", seal=""
        )  # fmt: skip

    with desk.session() as session:
        session.add(entry())
    with pytest.raises(IntegrityError), desk.session() as session:
        session.add(entry())
