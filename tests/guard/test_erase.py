from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from allears.desk import Desk
from allears.errors import Refused
from allears.guard.audit import Audit
from allears.guard.erase import Receipt, erase
from allears.guard.erasures import Erasure, Scope
from allears.guard.receipt import give, verify_receipt
from allears.guard.vault import Vault

pytestmark = pytest.mark.both_desks

AT = datetime(2026, 3, 2, tzinfo=UTC)


def removing(session: Session) -> dict[str, dict[str, int]]:
    gone = session.execute(text("delete from pets where owner = 'canary-owner'"))
    return {"c9": {"identifiers": gone.rowcount}}  # type: ignore[attr-defined]


@pytest.fixture
def pets(desk: Desk) -> None:
    with desk.session() as session:
        session.execute(text("drop table if exists pets"))  # a server's database serves more than one test
        session.execute(text("create table pets (owner text)"))
        for owner in ("canary-owner", "canary-owner", "other"):
            session.execute(text("insert into pets values (:owner)"), {"owner": owner})


def run(
    desk: Desk,
    vault: Vault,
    audit: Audit,
    *,
    subjects: tuple[str, ...] = ("k1", "k2"),
    why: str = "asked by mail",
    remove: Callable[[Session], dict[str, dict[str, int]]] = removing,
) -> Receipt:
    wanted = Erasure(AT, "c9", list(subjects), why, "e1", "user:pia")
    return give(desk, audit, erase(desk, vault, audit, [wanted], remove, at=AT), Receipt)[0]


@pytest.mark.usefixtures("pets")
@pytest.mark.sqlite_alone
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

    def failing(session: Session) -> dict[str, dict[str, int]]:
        removing(session)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(desk, vault, audit, remove=failing)
    assert vault.open(["k1"], sealed, "text") == [b"a"]
    assert audit.entries() == []
    with desk.session() as session:
        assert session.scalar(text("select count(*) from pets")) == 3


def test_no_subject_or_no_reason_is_refused(desk: Desk, vault: Vault, audit: Audit) -> None:
    with pytest.raises(Refused):
        run(desk, vault, audit, subjects=())
    with pytest.raises(Refused):
        run(desk, vault, audit, why=" ")


@pytest.mark.usefixtures("pets")
def test_the_reason_on_the_receipt_is_redacted(desk: Desk, vault: Vault, audit: Audit) -> None:
    assert run(desk, vault, audit, why="mail of x.y@example.com").why == "mail of <EMAIL_1>"


def test_what_is_erased_in_part_keeps_its_keys_and_the_receipt_says_what_went(
    desk: Desk, vault: Vault, audit: Audit
) -> None:
    sealed = vault.seal(["k1"], [b"a"], "text")
    part = Erasure(AT, "c9", ["k1"], "asked", "e1", "user:pia", [], Scope("chat"))
    numbers = erase(desk, vault, audit, [part], lambda _: {"c9": {"signals": 3}}, at=AT)
    receipt = give(desk, audit, numbers, Receipt)[0]
    assert vault.open(["k1"], sealed, "text") == [b"a"]
    assert (receipt.keys_destroyed, receipt.removed, receipt.scope) == (0, {"signals": 3}, Scope("chat"))
    assert audit.entries(1)[0].action == "erase.part"


def test_many_are_erased_in_one_transaction_each_with_a_receipt_of_their_own(
    desk: Desk, vault: Vault, audit: Audit
) -> None:
    who = [f"c{n}" for n in range(7)]
    sealed = vault.seal(who, [b"a"] * 7, "text")
    wanted = [Erasure(AT, c, [c], "asked", f"e{c}", "user:pia") for c in who]
    numbers = erase(desk, vault, audit, wanted, lambda _: {"c3": {"identifiers": 4}}, at=AT)
    receipts = give(desk, audit, numbers, Receipt)
    assert vault.open(who, sealed, "text") == [None] * 7
    assert [r.customer for r in receipts] == who and {r.keys_destroyed for r in receipts} == {1}
    assert [r.removed for r in receipts].count({}) == 6 and receipts[3].removed == {"identifiers": 4}
    assert len({r.key_fingerprints[0] for r in receipts}) == 7
    for receipt in receipts:
        assert verify_receipt(receipt.json(), audit.signer.public).audit_number == receipt.audit_number
    assert audit.verify().ok
