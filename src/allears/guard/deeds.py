"""What is done by right, other than erasing: restrictions, legal holds, words about the use of data, corrections, requests; as the list keeps it.

A backup that is older than such a deed does not know it, so it stands on the list outside of the desk, sealed: whoever
reads the list sees that something was done and when, neither what nor about whom. A value that was corrected is sealed
under the customer's own key within that: destroying the key takes it away here too.
"""

from __future__ import annotations

import os
from datetime import datetime

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from allears.errors import Refused
from allears.guard.consent import Word
from allears.guard.erasures import Noted
from allears.guard.vault import Vault

VALUE = "corrected value"
"""The field that a corrected value is sealed as."""
_NONCE = 12


class Restricted(msgspec.Struct, frozen=True, tag="restriction"):
    """The use of somebody's data was restricted."""

    id: str
    digests: list[str]
    why: str
    request: str | None


class Lifted(msgspec.Struct, frozen=True, tag="lifted restriction"):
    """A restriction was lifted."""

    id: str
    told: str


class Held(msgspec.Struct, frozen=True, tag="legal hold"):
    """Somebody was put under legal hold."""

    id: str
    digests: list[str]
    why: str


class Released(msgspec.Struct, frozen=True, tag="ended hold"):
    """A hold was ended."""

    id: str


class Said(msgspec.Struct, frozen=True, tag="words about the use of data"):
    """People agreed, refused, withdrew or objected."""

    words: list[Word]


class Corrected(msgspec.Struct, frozen=True, tag="correction"):
    """Something was wrong about somebody.

    Parameters
    ----------
    value
        What is wrong and what is right, sealed under the key of ``customer``.
    """

    customer: str
    digests: list[str]
    kind: str
    value: bytes
    why: str
    request: str


class Requested(msgspec.Struct, frozen=True, tag="request by right"):
    """Somebody asked for something by right: its clock runs from when it was received."""

    id: str
    kind: str
    digests: list[str]
    via: str
    note: str
    received_at: datetime
    due_at: datetime


class Checked(msgspec.Struct, frozen=True, tag="checked identity"):
    """It was made sure that the asker is who they say."""

    request: str
    how: str


class Extended(msgspec.Struct, frozen=True, tag="more time"):
    """The day a request is due was put off."""

    request: str
    why: str
    due_at: datetime


class Closed(msgspec.Struct, frozen=True, tag="closed request"):
    """It was said what became of a request."""

    request: str
    outcome: str
    refused: bool


Deed = Restricted | Lifted | Held | Released | Said | Corrected | Requested | Checked | Extended | Closed
_decoder: msgspec.json.Decoder[Deed] = msgspec.json.Decoder(Deed)


def what(deed: Deed) -> str:
    """Say what sort of deed it is."""
    return str(deed.__struct_config__.tag)


def seal_deed(vault: Vault, id: str, at: datetime, actor: str, deed: Deed) -> Noted:
    """Make a line of the list of a deed; it opens as this line of this space only."""
    nonce = os.urandom(_NONCE)
    # Neither the layer of spaces nor that of customers: what they are sealed under may be newer than a backup.
    cipher = AESGCM(vault.sub_key("deeds"))
    return Noted(
        at, id, actor, nonce + cipher.encrypt(nonce, msgspec.json.encode(deed), _bound(id, at, actor))
    )


def open_deed(vault: Vault, noted: Noted) -> Deed:
    """Open a line.

    Raises
    ------
    Refused
        It was changed, or is another space's.
    """
    nonce, sealed = noted.sealed[:_NONCE], noted.sealed[_NONCE:]
    cipher = AESGCM(vault.sub_key("deeds"))
    try:
        return _decoder.decode(cipher.decrypt(nonce, sealed, _bound(noted.id, noted.at, noted.actor)))
    except (InvalidTag, ValueError):
        raise Refused(
            "this act was changed since, is another space's, or a newer version's",
            place=f"list of acts by right: {noted.id}",
        ) from None


def _bound(id: str, at: datetime, actor: str) -> bytes:
    return f"{id} {at.isoformat()} {actor}".encode()
