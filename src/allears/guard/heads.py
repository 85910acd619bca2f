"""Signed heads of the audit: Ed25519, so that whoever has the public key can check what only the space can sign."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from allears.errors import Refused, WorldFailed


class Signed(msgspec.Struct, frozen=True):
    """How many entries there were, the root of their tree (hex), when it was signed, and the signature (hex)."""

    size: int
    root: str
    at: datetime
    signature: str
    tenant: str = ""


class Signer:
    """Signs heads with a key that follows from the space's own.

    Parameters
    ----------
    seed
        32 bytes.
    tenant
        Signed with the head: a head of one space is no head of another.

    Examples
    --------
    >>> signer = Signer(bytes(32), "acme")
    >>> head = signer.sign(3, bytes(32), datetime(2026, 1, 1, tzinfo=UTC))
    >>> sound(head, signer.public), sound(msgspec.structs.replace(head, size=4), signer.public)
    (True, False)
    """

    def __init__(self, seed: bytes, tenant: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.tenant = tenant

    @property
    def public(self) -> str:
        """The public key, hex."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, size: int, root: bytes, at: datetime) -> Signed:
        """Sign a head."""
        bare = Signed(size, root.hex(), at, "", self.tenant)
        return msgspec.structs.replace(bare, signature=self._key.sign(_message(bare)).hex())

    def vouch(self, what: str, content: bytes) -> str:
        """Sign something else than a head; ``what`` it is counts, so that it cannot pass for another thing."""
        return self._key.sign(_thing(what, content)).hex()


def vouched(what: str, content: bytes, signature: str, key: str) -> bool:
    """Check what `Signer.vouch` signed against a public key, hex."""
    return _verified(signature, _thing(what, content), key)


def sound(head: Signed, key: str) -> bool:
    """Check a head's signature against a public key, hex."""
    return _verified(head.signature, _message(head), key)


def _verified(signature: str, message: bytes, key: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _thing(what: str, content: bytes) -> bytes:
    return f"allears {what} 1\n".encode() + content


def note(head: Signed, path: Path) -> bool:
    """Append a head to a file outside the space, one JSON line each, on disk when this returns.

    Returns
    -------
    bool
        Whether it was new.

    Raises
    ------
    WorldFailed
        The file cannot be written.
    """
    line = msgspec.json.encode(head) + b"\n"
    try:
        with path.open("a+b") as file:
            file.seek(max(0, file.tell() - len(line)))
            if file.read().endswith(line):
                return False
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorldFailed(
            f"the audit's heads cannot be noted ({type(error).__name__})",
            place="[guard] heads_file",
            again=True,
        ) from error
    return True


def noted(path: Path) -> list[Signed]:
    """Read a file of heads.

    Raises
    ------
    Refused
        A line is no head; ``place`` says which.
    """
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found.append(msgspec.json.decode(line, type=Signed))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused("expected a signed head", place=f"line {number}") from None
    return found


def _message(head: Signed) -> bytes:
    return f"allears audit head 1\n{head.tenant}\n{head.size}\n{head.root}\n{head.at.astimezone(UTC).isoformat()}\n".encode()
