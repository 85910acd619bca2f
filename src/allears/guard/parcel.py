"""A parcel for one person: files, signed so that anybody can check them, sealed so that only that person can open them.

The form is age (age-encryption.org/v1), for which there are tools on every system; nothing of it is ours. Inside is a ZIP.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import zipfile
from collections.abc import Mapping
from datetime import datetime

import msgspec
import pyrage

from allears.errors import Refused
from allears.guard.heads import Signer, vouched

MANIFEST = "signature.json"
_WHAT = "access export"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a parcel, by SHA-256, and the signature of the space that made it."""

    tenant: str
    made_at: datetime
    files: dict[str, str]
    key: str
    signature: str = ""


def pack(files: Mapping[str, bytes], signer: Signer, at: datetime) -> bytes:
    """Put files into a ZIP together with a signed list of what they are."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    bare = Manifest(tenant=signer.tenant, made_at=at, files=sums, key=signer.public)
    whole = msgspec.structs.replace(bare, signature=signer.vouch(_WHAT, _signed(bare)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(whole), indent=2))
    return out.getvalue()


def sound_parcel(content: bytes, key: str) -> bool:
    """Tell whether a parcel's files are those that the space of this public key put in."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
            files = {n: archive.read(n) for n in archive.namelist() if n != MANIFEST}
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError):
        return False
    sums = {name: hashlib.sha256(held).hexdigest() for name, held in files.items()}
    bare = msgspec.structs.replace(manifest, signature="")
    return sums == manifest.files and vouched(_WHAT, _signed(bare), manifest.signature, key)


def seal_for(content: bytes, recipient: str | None = None) -> tuple[bytes, str | None]:
    """Seal a parcel for a public key of age, or under a new passphrase, which is returned and kept nowhere.

    Raises
    ------
    Refused
        It is no public key of age.
    """
    if recipient is None:
        words = "-".join(secrets.token_hex(2) for _ in range(8))
        return pyrage.passphrase.encrypt(content, words), words
    try:
        asker = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise Refused("expected a public key of age, such as age1…", place="--to") from None
    return pyrage.encrypt(content, [asker]), None


def _signed(manifest: Manifest) -> bytes:
    return msgspec.json.encode(manifest, order="sorted")
