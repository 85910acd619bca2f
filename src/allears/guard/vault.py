"""The vault: originals sealed under a key per subject, keys wrapped by the space's key, and destroyed on request."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence
from itertools import repeat
from threading import RLock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.errors import Refused
from allears.guard.key_ring import KeyRing, SubjectCipher
from allears.guard.layers import Layers
from allears.guard.space_key import SpaceKey

VERSION = 1
BOUND = 2
RENEWED = 3
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
    again
        Gives the key of a fingerprint when another process replaced it.

    Notes
    -----
    A sealed value is: form (1 byte), generation of the key (2), random nonce (12), AES-256-GCM ciphertext and
    tag. Tenant, field, form, generation and subject are authenticated with it, and in form 2 the row it belongs to.
    """

    def __init__(
        self,
        desk: Desk,
        key: SpaceKey,
        tenant: str,
        clock: Clock | None = None,
        again: Callable[[str], SpaceKey] | None = None,
    ) -> None:
        if not tenant or not tenant.isprintable() or len(tenant) > 64:
            raise Refused("expected a tenant of 1 to 64 printable characters", place="tenant")
        self.tenant = tenant
        self.layers = Layers(desk, key, tenant, again)
        self._ring = KeyRing(desk, self.layers, tenant, clock or SystemClock())
        self._lock = RLock()
        self._ciphers: dict[bytes, AESGCM] = {}

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
        return self.layers.root().sub_key(f"{self.tenant}/{purpose}")

    def seal(
        self,
        subjects: Sequence[str],
        plain: Sequence[bytes | None],
        field: str,
        places: Sequence[str] | None = None,
    ) -> list[bytes | None]:
        """Seal each value under its subject's key; subjects seen for the first time get one.

        Parameters
        ----------
        field
            What sort of value it is: it opens as nothing else.
        places
            The row's own id for each, where a subject has many: it opens in that row only.

        Returns
        -------
        list of bytes or None
            In order; ``None`` stays ``None``.
        """
        form = VERSION if places is None else BOUND
        wanted = {subject for subject, value in zip(subjects, plain, strict=True) if value is not None}
        with self._lock:
            keys = self._ring.for_sealing(wanted)
        context = _context(self.tenant, field)
        nonces = os.urandom(_NONCE * len(plain))
        heads = {subject: _bind(form, context, subject, key.generation) for subject, key in keys.items()}
        sealed: list[bytes | None] = []
        for at, (subject, value, place) in enumerate(
            zip(subjects, plain, places or repeat("", len(plain)), strict=True)
        ):
            if value is None:
                sealed.append(None)
                continue
            head, bound = heads[subject]
            nonce = nonces[at * _NONCE : (at + 1) * _NONCE]
            sealed.append(head + nonce + keys[subject].cipher.encrypt(nonce, value, bound + _bytes(place)))
        return sealed

    def open(
        self,
        subjects: Sequence[str],
        sealed: Sequence[bytes | None],
        field: str,
        places: Sequence[str] | None = None,
    ) -> list[bytes | None]:
        """Open sealed values; those whose key was destroyed come back as ``None``.

        Raises
        ------
        Refused
            A value was changed, or belongs to another subject, field, row or tenant; ``place`` says which.
        """
        context = _context(self.tenant, field)
        wanted: dict[str, int] = {}
        for subject, value in zip(subjects, sealed, strict=True):
            if value is not None:
                wanted[subject] = max(wanted.get(subject, 0), int.from_bytes(value[1:_HEAD], "big"))
        with self._lock:
            keys = self._ring.for_opening(wanted)
        return [
            None
            if value is None
            else _open_one(keys[subject], context, subject, value, row, f"{field}[{at}]")
            for at, (subject, value, row) in enumerate(
                zip(subjects, sealed, places or repeat("", len(sealed)), strict=True)
            )
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
        nonce, version = os.urandom(_NONCE), self.layers.newest("space")
        form = RENEWED if version else BOUND if bound else VERSION
        head = bytes((form,)) + (version.to_bytes(2, "big") if version else b"")
        cipher = self._space_cipher(label, version)
        return head + nonce + cipher.encrypt(nonce, plain, self._placed(label, head, bound))

    def current(self, sealed: bytes) -> bool:
        """Tell whether what `seal_space` made is sealed under the newest secret."""
        version = self.layers.newest("space")
        return _space_version(sealed) == version and (version > 0 or sealed[:1] != bytes((VERSION,)))

    def open_space(self, sealed: bytes, label: str, bound: str = "") -> bytes:
        """Open what `seal_space` sealed under the same label, in the same place.

        Raises
        ------
        Refused
            It was changed, cut short, moved, or sealed under another label, tenant or key.
        """
        version = _space_version(sealed)
        head, rest = sealed[: _HEAD if version else 1], sealed[_HEAD if version else 1 :]
        if len(rest) < _NONCE + _TAG or head[0] not in (VERSION, BOUND, RENEWED):
            raise Refused("not a sealed value", place=label)
        try:
            return self._space_cipher(label, version).decrypt(
                rest[:_NONCE], rest[_NONCE:], self._placed(label, head, bound)
            )
        except InvalidTag:
            raise Refused("a sealed value was changed or belongs elsewhere", place=label) from None

    def _space_cipher(self, label: str, version: int) -> AESGCM:
        # Making a cipher costs more than sealing a short text with it.
        key = self.layers.secret("space", version).sub_key(f"{self.tenant}/space/{label}")
        if key not in self._ciphers:
            self._ciphers[key] = AESGCM(key)
        return self._ciphers[key]

    def _placed(self, label: str, head: bytes, bound: str) -> bytes:
        context = _context(self.tenant, label)
        # What was sealed before places were bound says so in its first byte; it is bound when it is sealed next.
        return context if head[0] == VERSION else context + head + _bytes(bound)

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


def _space_version(sealed: bytes) -> int:
    return int.from_bytes(sealed[1:_HEAD], "big") if sealed[:1] == bytes((RENEWED,)) else 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _bind(form: int, context: bytes, subject: str, generation: int) -> tuple[bytes, bytes]:
    """Give the head of a value, and what is authenticated with it; the row's id comes behind that."""
    head = bytes((form,)) + generation.to_bytes(2, "big")
    whose = _bytes(subject)
    if form == BOUND:
        # How long the subject is: else part of it could be taken for the row's id.
        return head, context + bytes((BOUND,)) + head[1:] + len(whose).to_bytes(4, "big") + whose
    return head, context + head[1:] + whose


def _open_one(
    key: SubjectCipher, context: bytes, subject: str, value: bytes, row: str, place: str
) -> bytes | None:
    if len(value) < _HEAD + _NONCE + _TAG or value[0] not in (VERSION, BOUND):
        raise Refused("not a sealed value", place=place)
    generation = int.from_bytes(value[1:_HEAD], "big")
    if generation > key.generation:
        raise Refused("no key of this generation was ever made for this subject", place=place)
    cipher = key.of(generation)
    if cipher is None:
        return None
    _, bound = _bind(value[0], context, subject, generation)
    if value[0] == BOUND:
        bound += _bytes(row)
    try:
        return cipher.decrypt(value[_HEAD : _HEAD + _NONCE], value[_HEAD + _NONCE :], bound)
    except InvalidTag:
        raise Refused("a sealed value was changed or belongs elsewhere", place=place) from None
