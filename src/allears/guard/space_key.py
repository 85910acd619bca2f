"""The space's key: 32 bytes in a file only its owner may read; everything else is derived from it."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from allears.errors import NotAllowed, NotFound, Refused

_HEAD = "allears-key-1 "
_SIZE = 32


class SpaceKey:
    """The one secret of a space. It is never used itself: each purpose has its own sub-key (HKDF-SHA256).

    Parameters
    ----------
    secret
        32 random bytes.

    Examples
    --------
    >>> key = SpaceKey(bytes(32))
    >>> key.sub_key("wrap") == key.sub_key("digest")
    False
    >>> key
    SpaceKey(fingerprint='5dd03bb2')
    """

    __slots__ = ("_secret", "_subs")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _SIZE:
            raise Refused(f"expected {_SIZE} bytes", place="space key")
        self._secret = bytes(secret)
        self._subs: dict[str, bytes] = {}

    @classmethod
    def new(cls) -> SpaceKey:
        """Make a key from the operating system's randomness."""
        return cls(secrets.token_bytes(_SIZE))

    def sub_key(self, purpose: str) -> bytes:
        """Derive the 32-byte key of a purpose."""
        if purpose not in self._subs:
            derive = HKDF(algorithm=SHA256(), length=_SIZE, salt=b"allears", info=b"1/" + purpose.encode())
            self._subs[purpose] = derive.derive(self._secret)
        return self._subs[purpose]

    @property
    def fingerprint(self) -> str:
        """Eight hex digits to tell keys apart; they tell nothing about the key."""
        return hashlib.sha256(self.sub_key("fingerprint")).hexdigest()[:8]

    def export(self) -> bytes:
        """Give the secret itself, to be wrapped or written to a key file: to nobody else."""
        return self._secret

    def __repr__(self) -> str:
        return f"SpaceKey(fingerprint='{self.fingerprint}')"

    def __reduce__(self) -> NoReturn:
        raise Refused("a space key is not pickled or copied", place="space key")

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, SpaceKey) and secrets.compare_digest(self._secret, other._secret)

    def __hash__(self) -> int:
        return hash(self.fingerprint)


def written(key: SpaceKey) -> str:
    """Write a key as it stands in a key file."""
    return _HEAD + base64.urlsafe_b64encode(key.export()).decode() + "\n"


def make_key_file(path: Path) -> SpaceKey:
    """Make a key and write it to a new file, mode 0600, durable before this returns.

    Raises
    ------
    Refused
        The file exists: a key is never overwritten.
    """
    key = SpaceKey.new()
    write_new(path, written(key))
    return key


def write_new(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, durable before this returns.

    Raises
    ------
    Refused
        It exists: a key is never overwritten.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused("a key file exists already and is not overwritten", place=str(path)) from None
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, 0o600)
        file.write(text)
        file.flush()
        os.fsync(handle)


def read_key_file(path: Path) -> SpaceKey:
    """Read a key file.

    Raises
    ------
    NotFound
        There is no such file.
    NotAllowed
        Others may read the file.
    Refused
        It is not a key file.
    """
    if not path.is_file():
        raise NotFound("no key file here", place=str(path))
    if path.stat().st_mode & 0o077:
        raise NotAllowed("the key file may be read by its owner only: chmod 600", place=str(path))
    text = path.read_bytes()
    try:
        return SpaceKey(
            base64.b64decode(text.decode("ascii").removeprefix(_HEAD).strip(), altchars=b"-_", validate=True)
        )
    except (ValueError, UnicodeDecodeError):
        raise Refused("not a key file", place=str(path)) from None
