"""Tickets: what a signed link carries. A random id and an end, nothing about a person; made and read with one key per purpose."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from allears.errors import NotFound, Refused

ID_BYTES, END_BYTES, MAC_BYTES = 12, 5, 16
_LENGTH = ID_BYTES + END_BYTES + MAC_BYTES


class Ticket(NamedTuple):
    """What a genuine ticket says."""

    id: str
    ends_at: datetime


def new_id() -> str:
    """Make an id that nobody can guess: 24 hex digits."""
    return secrets.token_hex(ID_BYTES)


def write_ticket(key: bytes, id: str, ends_at: datetime) -> str:
    """Write a ticket as 44 characters that may stand in an address.

    Parameters
    ----------
    key
        Of the purpose; a ticket of one purpose is worth nothing for another.
    id
        From `new_id`.
    ends_at
        Until when it is good, with zone; told to the second.

    Examples
    --------
    >>> ticket = write_ticket(bytes(32), "ab" * 12, datetime(2026, 5, 1, tzinfo=UTC))
    >>> len(ticket), read_ticket(bytes(32), ticket)
    (44, Ticket(id='abababababababababababab', ends_at=datetime.datetime(2026, 5, 1, 0, 0, tzinfo=datetime.timezone.utc)))
    """
    if ends_at.tzinfo is None:
        raise Refused("expected a time with zone", place="ends_at")
    told = bytes.fromhex(id) + int(ends_at.timestamp()).to_bytes(END_BYTES, "big")
    return base64.urlsafe_b64encode(told + _mac(key, told)).decode()


def read_ticket(key: bytes, text: str) -> Ticket:
    """Read a ticket; whether it has ended is for the caller to say.

    Raises
    ------
    NotFound
        It was not written with this key, or was changed since.
    """
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True) if len(text) == _LENGTH * 4 // 3 else b""
    except (binascii.Error, ValueError):
        raw = b""
    told, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    if len(raw) != _LENGTH or not hmac.compare_digest(mac, _mac(key, told)):
        raise NotFound("no such link")
    return Ticket(told[:ID_BYTES].hex(), datetime.fromtimestamp(int.from_bytes(told[ID_BYTES:], "big"), UTC))


def _mac(key: bytes, told: bytes) -> bytes:
    return hmac.digest(key, told, "sha256")[:MAC_BYTES]
