"""Proofs about the audit that can be checked without the space: an entry is in, or the log only grew."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from allears.guard import merkle
from allears.guard.handover import Handover, newest, sound_then
from allears.guard.heads import Signed, sound


class Proof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody without the space can check: an entry, the path from its leaf to a signed head.

    Parameters
    ----------
    number, fields, previous
        The entry as it is hashed, and the hash of the one before it; empty in a proof of growth.
    old
        The earlier signed head that this one is said to continue.
    path
        Hashes, hex, as RFC 6962 orders them.
    head, key
        The signed head, and the public key (hex) it is signed with: know that from elsewhere.
    handovers
        How the key changed hands: who knows an earlier one follows them to the newest.
    """

    path: list[str]
    head: Signed
    key: str
    handovers: list[Handover] = []
    number: int = 0
    fields: dict[str, Any] = {}
    previous: str = ""
    old: Signed | None = None


def check(proof: Proof, key: str) -> bool:
    """Check a proof without the space, its database or its keys.

    Parameters
    ----------
    proof
        From `Audit.prove` or `Audit.prove_growth`.
    key
        The space's public key, hex, known from elsewhere: a proof that brings its own key proves nothing.
    """
    try:
        path = [bytes.fromhex(part) for part in proof.path]
        head = bytes.fromhex(proof.head.root)
        if not sound(proof.head, newest(key, proof.handovers)):
            return False
        if proof.old is not None:
            before = bytes.fromhex(proof.old.root)
            return sound_then(proof.old, key, proof.handovers) and merkle.consistent(
                proof.old.size, proof.head.size, path, before, head
            )
        if proof.fields.get("number") != proof.number:
            return False
        hashed = hashlib.sha256(proof.previous.encode() + msgspec.json.encode(proof.fields, order="sorted"))
        return merkle.included(entry_leaf(hashed.hexdigest()), proof.number - 1, proof.head.size, path, head)
    except ValueError:
        return False


def entry_leaf(hashed: str) -> bytes:
    """Turn an entry's own hash, hex, into its leaf of the tree."""
    return merkle.leaf(bytes.fromhex(hashed))
