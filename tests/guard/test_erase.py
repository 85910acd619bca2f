from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from allears.desk import Desk
from allears.errors import Refused
from allears.guard.audit import Audit
from allears.guard.erase import Receipt, erase
from allears.guard.vault import Vault

AT = datetime(2026, 3, 2, tzinfo=UTC)


def removing(session: Session) -> dict[str, int]:
    return {"identifiers": session.execute(text("delete from pets where owner = 'canary-owner'")).rowcount}  # type: ignore[attr-defined]


@pytest.fixture
def pets(desk: Desk) -> None:
    with desk.session() as session:
        session.execute(text("create table pets (owner text)"))
        for owner in ("canary-owner", "canary-owner", "other"):
            session.execute(text("insert into pets values (:owner)"), {"owner": owner})


def run(desk: Desk, vault: Vault, audit: Audit, **changes: object) -> Receipt:
    wanted: dict[str, object] = {
        "customer": "c9", "subjects": ["k1", "k2"], "remove": removing, "actor": "user:pia", "why": "asked by mail", "at": AT,
    }  # fmt: skip
    return erase(desk, vault, audit, **(wanted | changes))  # type: ignore[arg-type]


@pytest.mark.usefixtures("pets")
def test_keys_lookups_and_traces_go_and_the_receipt_says_so(
    desk: Desk, vault: Vault, audit: Audit, tmp_path: Path
) -> None:
    sealed = vault.seal(["k1", "k2", "k3"], [b"a", b"b", b"c"], "text")
    receipt = run(desk, vault, audit)
    assert vault.open(["k1", "k2", "k3"], sealed, "text") == [None, None, b"c"]
    assert (receipt.subjects, receipt.keys_destroyed, receipt.removed) == (2, 2, {"identifiers": 2})
    assert len(set(receipt.key_fingerprints)) == 2
    assert not any(b"canary-owner" in path.read_bytes() for path in tmp_path.glob("desk.db*"))
    newest = audit.entries(1)[0]
    assert (receipt.audit_number, receipt.audit_head) == (newest.number, newest.hash)
    assert (newest.actor, newest.action) == ("user:pia", "erase")
    assert audit.verify((receipt.audit_number, receipt.audit_head) and audit.head()).ok


@pytest.mark.usefixtures("pets")
def test_erasing_twice_is_harmless_and_says_nothing_was_left(desk: Desk, vault: Vault, audit: Audit) -> None:
    vault.seal(["k1"], [b"a"], "text")
    run(desk, vault, audit)
    again = run(desk, vault, audit)
    assert (again.keys_destroyed, again.removed) == (0, {"identifiers": 0})


@pytest.mark.usefixtures("pets")
def test_all_or_nothing(desk: Desk, vault: Vault, audit: Audit) -> None:
    sealed = vault.seal(["k1"], [b"a"], "text")

    def failing(session: Session) -> dict[str, int]:
        removing(session)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(desk, vault, audit, remove=failing)
    assert vault.open(["k1"], sealed, "text") == [b"a"]
    assert audit.entries() == []
    with desk.session() as session:
        assert session.scalar(text("select count(*) from pets")) == 3


def test_no_subject_or_no_reason_is_refused(desk: Desk, vault: Vault, audit: Audit) -> None:
    for changes in ({"subjects": []}, {"why": " "}):
        with pytest.raises(Refused):
            run(desk, vault, audit, **changes)


@pytest.mark.usefixtures("pets")
def test_the_reason_on_the_receipt_is_redacted(desk: Desk, vault: Vault, audit: Audit) -> None:
    assert run(desk, vault, audit, why="mail of x.y@example.com").why == "mail of <EMAIL_1>"
