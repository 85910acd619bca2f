"""Receipts: what was done, signed by the space and proven by its audit. Whoever has one can check it without the space.

A receipt names no value, only counts, pseudonyms and fingerprints. Its words are committed to by an entry of the audit
(their SHA-256 is in the entry), the entry is proven to be under a signed head, and all of it is signed once more. Proof and
signature are made when the receipt is asked for, so that one that was lost is given again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.desk import Desk
from allears.desk.audit import KeptReceipt
from allears.errors import NotFound, Refused
from allears.guard.audit import Audit
from allears.guard.audit_entry import Entry
from allears.guard.heads import vouched
from allears.guard.proof import Proof, check

COMMITTED = "receipt"
"""In the detail of an audit entry: SHA-256 of the receipt's words."""
_WHAT = "receipt"
_CHUNK = 500
_HEX = re.compile("[0-9a-f]{128}")
_ADDED = ("audit_number", "audit_head", "key", "proof", "signature")
R = TypeVar("R", bound="Attested")


class Attested(msgspec.Struct, frozen=True, kw_only=True, tag_field="receipt"):
    """What every receipt holds beside what was done.

    Parameters
    ----------
    audit_number, audit_head
        The entry that commits to it, and that entry's hash.
    key
        The space's public key, hex.
    proof
        That the entry is in the audit.
    signature
        Ed25519 over everything else, hex.
    """

    version: int = 2
    tenant: str
    actor: str
    audit_number: int = 0
    audit_head: str = ""
    key: str = ""
    proof: Proof | None = None
    signature: str = ""

    def json(self) -> str:
        """Return the receipt as it is written to a file; only these very bytes pass `verify_receipt`."""
        return written(msgspec.to_builtins(self)).decode()


class Checked(NamedTuple):
    """What a sound receipt says: of what, of which space, by which key, and where in the audit."""

    receipt: str
    tenant: str
    fingerprint: str
    audit_number: int
    signed_at: str


def commitment(receipt: Attested) -> str:
    """Give the SHA-256 that an audit entry commits to: of the words, without what is added later."""
    return _committed(msgspec.to_builtins(receipt))


def keep(session: Session, receipt: Attested, entry: Entry, subject: str = "") -> None:
    """Keep a receipt's words under the number of its entry, inside the caller's transaction."""
    words = msgspec.json.encode(_bare(msgspec.to_builtins(receipt)), order="sorted").decode()
    session.add(KeptReceipt(number=entry.number, at=entry.at, subject=subject, words=words))


def give(desk: Desk, audit: Audit, numbers: Sequence[int], form: type[R]) -> list[R]:
    """Give the receipts of audit entries, proven against one head signed now.

    Raises
    ------
    NotFound
        No receipt was kept under a number.
    """
    return [msgspec.convert(told, form) for told in _given(desk, audit, numbers)]


def give_again(desk: Desk, audit: Audit, number: int) -> bytes:
    """Give a receipt of whatever kind as it is written to a file.

    Raises
    ------
    NotFound
        No receipt was kept under that number.
    """
    return written(next(_given(desk, audit, [number])))


def kept(desk: Desk, limit: int = 50) -> list[dict[str, Any]]:
    """List the newest receipts: number, kind, when, about whom."""
    query = select(KeptReceipt).order_by(KeptReceipt.number.desc()).limit(limit)
    with desk.reading() as session:
        return [
            {
                "number": row.number,
                "receipt": msgspec.json.decode(row.words)["receipt"],
                "at": row.at,
                "about": row.subject,
            }
            for row in session.scalars(query)
        ]


def verify_receipt(content: bytes | str, key: str | None = None) -> Checked:
    """Check a receipt without the space, its database or its secrets.

    Parameters
    ----------
    content
        The file, unchanged to the last byte.
    key
        The space's public key, hex, known from elsewhere. Without it, all that is shown is that the receipt was made by who
        holds the key it names: compare its fingerprint.

    Raises
    ------
    Refused
        It was changed, is not one, or is of another key; the message says what does not hold.
    """
    raw = content.encode() if isinstance(content, str) else content
    told = _read(raw)
    named, signature = str(told["key"]), str(told["signature"])
    if key is not None and named != key:
        raise Refused(f"signed with another key, of fingerprint {fingerprint(named)}", place="key")
    unsigned = {name: value for name, value in told.items() if name != "signature"}
    # Hexadecimal may be written in several ways; one of them counts.
    if not _HEX.fullmatch(signature) or not vouched(_WHAT, _canonical(unsigned), signature, named):
        raise Refused("the signature does not fit: it was changed", place="signature")
    proof = msgspec.convert(told["proof"], Proof)
    if proof.key != named or proof.number != told["audit_number"] or not check(proof, named):
        raise Refused("its proof from the audit does not hold", place="proof")
    if _hash_of(proof) != told["audit_head"] or _said(proof) != _committed(told):
        raise Refused("the audit's entry is about something else", place="proof")
    return Checked(
        str(told["receipt"]), str(told["tenant"]), fingerprint(named), proof.number, proof.head.at.isoformat()
    )


def fingerprint(key: str) -> str:
    """Give 16 hex digits by which people compare public keys.

    Examples
    --------
    >>> fingerprint("00" * 32)
    '66687aadf862bd77'
    """
    try:
        return hashlib.sha256(bytes.fromhex(key)).hexdigest()[:16]
    except ValueError:
        return "none"


def written(told: Mapping[str, Any]) -> bytes:
    """Write a receipt in the one form that is checked."""
    return msgspec.json.format(_canonical(told), indent=2) + b"\n"


def _given(desk: Desk, audit: Audit, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    rows: dict[int, str] = {}
    with desk.reading() as session:
        for start in range(0, len(numbers), _CHUNK):
            some = KeptReceipt.number.in_(numbers[start : start + _CHUNK])
            found = session.execute(select(KeptReceipt.number, KeptReceipt.words).where(some))
            rows |= {row.number: row.words for row in found}
    if len(rows) < len(set(numbers)):
        raise NotFound("no receipt was kept under that number")
    for proof in audit.prove_each(numbers) if numbers else ():
        told: dict[str, Any] = msgspec.json.decode(rows[proof.number])
        told |= {
            "audit_number": proof.number,
            "audit_head": _hash_of(proof),
            "key": proof.key,
            "proof": msgspec.to_builtins(proof),
        }
        yield told | {"signature": audit.signer.vouch(_WHAT, _canonical(told))}


def _read(raw: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(raw, type=dict[str, Any])
        _Parts(**{name: told[name] for name in _Parts.__struct_fields__})
        msgspec.convert(told["proof"], Proof)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        raise Refused("not a receipt", place="receipt") from None
    if raw not in (whole := written(told), whole.rstrip(b"\n")):
        raise Refused("not as it was written: it was changed or laid out anew", place="receipt")
    return told


class _Parts(msgspec.Struct):
    receipt: Any
    tenant: Any
    audit_number: Any
    audit_head: Any
    key: Any
    proof: Any
    signature: Any


def _bare(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in _ADDED}


def _committed(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(_bare(told))).hexdigest()


def _canonical(told: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(told, order="sorted")


def _hash_of(proof: Proof) -> str:
    return hashlib.sha256(proof.previous.encode() + _canonical(proof.fields)).hexdigest()


def _said(proof: Proof) -> str | None:
    try:
        detail = msgspec.json.decode(str(proof.fields.get("detail", "")), type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
    return detail.get(COMMITTED)
