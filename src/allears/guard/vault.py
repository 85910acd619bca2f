"""The vault: originals sealed under a key per subject, keys wrapped by the space's key, and destroyed on request."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from threading import RLock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.errors import Refused
from allears.guard.key_ring import KeyRing, SubjectCipher
from allears.guard.space_key import SpaceKey

VERSION = 1
BOUND = 2
_HEAD = 3  # version byte, generation in two bytes
_NONCE = 12
_TAG = 16
_DIGEST_HEX = 32


class Vault:
    """Seals, opens and forgets.

    Parameters
    ----------
    desk
        Where wrapped keys are kept.
    key
        The space's key; only sub-keys of it are used.
    tenant
        Bound into every digest, key and sealed value, so nothing can be moved between tenants.
    clock
        What time it is.

    Notes
    -----
    A sealed value is: version (1 byte), generation of the key (2), random nonce (12), AES-256-GCM ciphertext and
    tag. Tenant, field, version, generation and subject are authenticated with it.
    """

    def __init__(self, desk: Desk, key: SpaceKey, tenant: str, clock: Clock | None = None) -> None:
        if not tenant or not tenant.isprintable() or len(tenant) > 64:
            raise Refused("expected a tenant of 1 to 64 printable characters", place="tenant")
        self.tenant = tenant
        self._key = key
        self._ring = KeyRing(desk, key, tenant, clock or SystemClock())
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"Vault(tenant={self.tenant!r})"

    @property
    def keys(self) -> KeyRing:
        """The keys themselves, for erasure."""
        return self._ring

    def digest(self, purpose: str, values: Sequence[str]) -> list[str]:
        """Turn values into pseudonyms that cannot be joined across purposes or tenants.

        Parameters
        ----------
        purpose
            Such as ``email``; each purpose has its own key.
        values
            Normalised by the caller.

        Returns
        -------
        list of str
            HMAC-SHA256, the first 32 hex digits, in order.
        """
        key = self.sub_key(f"digest/{purpose}")
        made = hmac.digest
        return [
            made(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:_DIGEST_HEX]
            for value in values
        ]

    def sub_key(self, purpose: str) -> bytes:
        """Derive this tenant's key for a purpose."""
        return self._key.sub_key(f"{self.tenant}/{purpose}")

    def seal(self, subjects: Sequence[str], plain: Sequence[bytes | None], field: str) -> list[bytes | None]:
        """Seal each value under its subject's key; subjects seen for the first time get one.

        Returns
        -------
        list of bytes or None
            In order; ``None`` stays ``None``.
        """
        context = _context(self.tenant, field)
        wanted = {subject for subject, value in zip(subjects, plain, strict=True) if value is not None}
        with self._lock:
            keys = self._ring.for_sealing(wanted)
        nonces = os.urandom(_NONCE * len(plain))
        heads = {subject: _bind(context, subject, key) for subject, key in keys.items()}
        sealed: list[bytes | None] = []
        for place, (subject, value) in enumerate(zip(subjects, plain, strict=True)):
            if value is None:
                sealed.append(None)
                continue
            cipher, head, bound = heads[subject]
            nonce = nonces[place * _NONCE : (place + 1) * _NONCE]
            sealed.append(head + nonce + cipher.encrypt(nonce, value, bound))
        return sealed

    def open(self, subjects: Sequence[str], sealed: Sequence[bytes | None], field: str) -> list[bytes | None]:
        """Open sealed values; those whose key was destroyed come back as ``None``.

        Raises
        ------
        Refused
            A value was changed, or belongs to another subject, field or tenant; ``place`` says which.
        """
        context = _context(self.tenant, field)
        wanted = {subject for subject, value in zip(subjects, sealed, strict=True) if value is not None}
        with self._lock:
            keys = self._ring.for_opening(wanted)
        heads = {subject: _bind(context, subject, key) for subject, key in keys.items()}
        return [
            None if value is None else _open_one(keys[subject], heads[subject], value, f"{field}[{place}]")
            for place, (subject, value) in enumerate(zip(subjects, sealed, strict=True))
        ]

    def seal_space(self, plain: bytes, label: str, bound: str = "") -> bytes:
        """Seal bytes that belong to no subject: inbox frames, refused rows, deliveries, secrets.

        Parameters
        ----------
        label
            What sort of thing it is; each has a key of its own.
        bound
            Which one of them: the row's own id. It opens in that place only.
        """
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self.sub_key(f"space/{label}"))
        form = BOUND if bound else VERSION
        return bytes((form,)) + nonce + cipher.encrypt(nonce, plain, self._placed(label, form, bound))

    def open_space(self, sealed: bytes, label: str, bound: str = "") -> bytes:
        """Open what `seal_space` sealed under the same label, in the same place.

        Raises
        ------
        Refused
            It was changed, cut short, moved, or sealed under another label, tenant or key.
        """
        if len(sealed) < 1 + _NONCE + _TAG or sealed[0] not in (VERSION, BOUND):
            raise Refused("not a sealed value", place=label)
        cipher = AESGCM(self.sub_key(f"space/{label}"))
        # What was sealed before places were bound says so in its first byte; it is bound when it is sealed next.
        context = self._placed(label, sealed[0], bound)
        try:
            return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], context)
        except InvalidTag:
            raise Refused("a sealed value was changed or belongs elsewhere", place=label) from None

    def _placed(self, label: str, form: int, bound: str) -> bytes:
        context = _context(self.tenant, label)
        return context + bytes((BOUND,)) + _bytes(bound) if form == BOUND else context

    def destroy(self, subjects: Sequence[str]) -> int:
        """Destroy the keys of subjects, here and on disk; return how many keys there were.

        What was sealed under them cannot be opened any more, by anybody. New data of the same subject gets a new
        key of the next generation.
        """
        with self._lock:
            destroyed = self._ring.destroy(subjects)
            self._ring.scrub()
        return len(destroyed)


def _context(tenant: str, field: str) -> bytes:
    if not field or "\x1f" in field:
        raise Refused("expected a field's name", place="field")
    return f"{tenant}\x1f{field}\x1f{VERSION}\x1f".encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _bind(context: bytes, subject: str, key: SubjectCipher) -> tuple[AESGCM, bytes, bytes]:
    # The subject comes last: nothing it contains can be mistaken for another part.
    generation = key.generation.to_bytes(2, "big")
    return (
        key.cipher,
        bytes((VERSION,)) + generation,
        context + generation + subject.encode("utf-8", "surrogatepass"),
    )


def _open_one(
    key: SubjectCipher, bound: tuple[AESGCM, bytes, bytes], value: bytes, place: str
) -> bytes | None:
    if len(value) < _HEAD + _NONCE + _TAG or value[0] != VERSION:
        raise Refused("not a sealed value", place=place)
    generation = int.from_bytes(value[1:_HEAD], "big")
    if generation < key.generation or (generation == key.generation and key.destroyed):
        return None
    if generation != key.generation:
        raise Refused("no key of this generation was ever made for this subject", place=place)
    try:
        return bound[0].decrypt(value[_HEAD : _HEAD + _NONCE], value[_HEAD + _NONCE :], bound[2])
    except InvalidTag:
        raise Refused("a sealed value was changed or belongs elsewhere", place=place) from None
