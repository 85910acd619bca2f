from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from allears.cli.app import run as command
from allears.desk import Desk
from allears.errors import NotFound, Refused
from allears.guard.audit import Audit
from allears.guard.erase import Receipt, erase
from allears.guard.erasures import Erasure
from allears.guard.heads import Signer
from allears.guard.receipt import fingerprint, give, give_again, kept, verify_receipt, written
from allears.guard.vault import Vault

AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def receipt(desk: Desk, vault: Vault, audit: Audit) -> Receipt:
    for n in range(5):
        audit.record("user:pia", "look", f"c{n}")
    vault.seal(["k1"], [b"a"], "text")
    wanted = Erasure(AT, "c9", ["k1"], "asked by mail", "e1", "user:pia")
    numbers = erase(desk, vault, audit, [wanted], lambda _: {"c9": {"identifiers": 2}}, at=AT)
    return give(desk, audit, numbers, Receipt)[0]


def test_a_receipt_holds_for_whoever_has_the_public_key(receipt: Receipt, audit: Audit) -> None:
    found = verify_receipt(receipt.json(), audit.signer.public)
    assert (found.receipt, found.tenant, found.audit_number) == ("erasure", "acme", 6)
    assert found.fingerprint == fingerprint(audit.signer.public)
    assert verify_receipt(receipt.json().rstrip()) == found
    with pytest.raises(Refused, match="another key"):
        verify_receipt(receipt.json(), Signer(bytes(32), "acme").public)


def test_a_receipt_changed_in_any_byte_does_not_hold(receipt: Receipt) -> None:
    whole = receipt.json().encode().rstrip()
    for place in range(len(whole)):
        for other in {whole[place] ^ 1, whole[place] ^ 0x20, 0x39}:
            changed = whole[:place] + bytes([other]) + whole[place + 1 :]
            if changed != whole:
                with pytest.raises(Refused):
                    verify_receipt(changed)
        if place % 7 == 0:
            for changed in (
                whole[:place],
                whole[:place] + whole[place + 1 :],
                whole[:place] + b" " + whole[place:],
            ):
                with pytest.raises(Refused):
                    verify_receipt(changed)


def test_what_is_signed_anew_without_the_audit_does_not_hold(receipt: Receipt, audit: Audit) -> None:
    """Who holds the signing key cannot hand out a receipt for what the audit does not say."""

    def signed(**changes: object) -> bytes:
        told = msgspec.to_builtins(msgspec.structs.replace(receipt, **changes))  # type: ignore[arg-type]
        del told["signature"]
        content = msgspec.json.encode(told, order="sorted")
        return written(told | {"signature": audit.signer.vouch("receipt", content)})

    assert verify_receipt(signed())
    other = audit.prove(3)
    for changes in (
        {"keys_destroyed": 7}, {"customer": "c8"}, {"removed": {}}, {"audit_number": 3}, {"proof": other},
        {"audit_number": 3, "proof": other}, {"audit_head": "0" * 64},
    ):  # fmt: skip
        with pytest.raises(Refused):
            verify_receipt(signed(**changes))


def test_a_lost_receipt_is_given_again_however_the_audit_grew(
    receipt: Receipt, desk: Desk, audit: Audit
) -> None:
    audit.record("user:pia", "look", "c1")
    again = give_again(desk, audit, receipt.audit_number)
    assert verify_receipt(again, audit.signer.public) == verify_receipt(receipt.json())._replace(
        signed_at=msgspec.json.decode(again)["proof"]["head"]["at"].replace("Z", "+00:00")
    )
    assert msgspec.json.decode(again)["proof"]["head"]["size"] == 7
    assert [(r["number"], r["receipt"], r["about"]) for r in kept(desk)] == [(6, "erasure", "c9")]
    with pytest.raises(NotFound):
        give_again(desk, audit, 2)


def test_what_is_no_receipt_is_refused() -> None:
    for junk in (b"", b"{}", b"\xff", b"[]", b'{"receipt":1}', b"{" * 500):
        with pytest.raises(Refused):
            verify_receipt(junk)


def test_the_command_needs_no_space(receipt: Receipt, audit: Audit, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "receipt.json"
    file.parent.mkdir()
    file.write_text(receipt.json())
    words = [sys.executable, "-m", "allears", "receipt", "verify", str(file)]
    done = subprocess.run(
        [*words, "--key", audit.signer.public], capture_output=True, text=True, cwd=file.parent, env={"HOME": str(file.parent)}
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and "the receipt holds" in done.stdout
    file.write_text(receipt.json().replace("c9", "c8"))
    assert command(["receipt", "verify", str(file)]) == 1
    assert command(["receipt", "verify", str(tmp_path / "none.json")]) == 1
