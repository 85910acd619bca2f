"""The secrets under the space's key, layer by layer: each wrapped by it, each renewed by itself.

A space begins with one secret, the key itself, from which everything is derived. When a layer is renewed, it gets a
secret of its own, random, kept in the desk wrapped by the space's key; and when the space's key is replaced, the first
secret stays, wrapped too: digests follow from it, and they are who people are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from threading import RLock
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from allears.desk import Desk
from allears.desk.keys import SpaceSecret
from allears.errors import Refused
from allears.guard.space_key import SpaceKey

Layer = Literal["root", "wrap", "space", "sign", "customers"]
FRESH_SECONDS = 5.0
_NONCE = 12


class Layers:
    """The secrets of a space, by layer and version; version 0 follows from the first secret.

    Parameters
    ----------
    desk
        Where they are kept, wrapped.
    key
        The space's key.
    tenant
        Bound into each.
    again
        Gives the key of a fingerprint when another process replaced it.
    """

    def __init__(
        self, desk: Desk, key: SpaceKey, tenant: str, again: Callable[[str], SpaceKey] | None = None
    ) -> None:
        self._desk, self._key, self._tenant, self._again = desk, key, tenant, again
        self._held: dict[tuple[str, int], SpaceKey] = {}
        self._mark: tuple[int, int] | None = None
        self._looked_at = 0.0
        self.changes = 0
        self._lock = RLock()

    @property
    def key(self) -> SpaceKey:
        """The space's key as it is now."""
        return self._key

    def root(self) -> SpaceKey:
        """Give the first secret."""
        self._once()
        return self._held.get(("root", 1), self._key)

    def secret(self, layer: Layer, version: int) -> SpaceKey:
        """Give a layer's secret.

        Raises
        ------
        Refused
            There is none of this version.
        """
        if version == 0:
            return self.root()
        if (layer, version) not in self._held:
            self.refresh()
        try:
            return self._held[layer, version]
        except KeyError:
            raise Refused("a value names a key that was never made, or is gone", place=layer) from None

    def newest(self, layer: Layer) -> int:
        """Tell a layer's newest version, as it was a few seconds ago at most."""
        if time.monotonic() - self._looked_at > FRESH_SECONDS:
            self.refresh()
        return max((v for name, v in self._held if name == layer), default=0)

    def versions(self, layer: Layer) -> list[int]:
        """List a layer's versions, newest first, down to that of the first secret."""
        self._once()
        return [*sorted((v for name, v in self._held if name == layer), reverse=True), 0]

    def refresh(self, session: Session | None = None) -> bool:
        """Look whether anything was renewed since; true when it was."""
        if session is None:
            with self._desk.reading() as own:
                return self.refresh(own)
        mark = session.execute(
            select(func.coalesce(func.max(SpaceSecret.id), 0), func.count(SpaceSecret.done_at))
        ).one()
        self._looked_at = time.monotonic()
        if tuple(mark) == self._mark:
            return False
        rows = session.execute(
            select(SpaceSecret.layer, SpaceSecret.version, SpaceSecret.wrapped, SpaceSecret.under).where(
                SpaceSecret.tenant == self._tenant, SpaceSecret.layer != "customers"
            )
        ).all()
        with self._lock:
            under = {row.under for row in rows}
            if rows and under != {self._key.fingerprint}:
                self._key = self._replaced(under)
            self._held = {
                (row.layer, row.version): self.unwrap(row.layer, row.version, row.wrapped) for row in rows
            }
            self.changes += 1
            self._mark = (mark[0], mark[1])
        return True

    def adopt(self, key: SpaceKey) -> None:
        """Take a new space key over, after every secret was wrapped by it."""
        self._key, self._mark = key, None
        self.refresh()

    def wrap(self, layer: str, version: int, secret: SpaceKey, key: SpaceKey | None = None) -> bytes:
        """Wrap a secret by the space's key, or by the one that follows it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._wrapper(key or self._key).encrypt(
            nonce, secret.export(), self._bound(layer, version)
        )

    def unwrap(self, layer: str, version: int, wrapped: bytes) -> SpaceKey:
        """Open what `wrap` closed.

        Raises
        ------
        Refused
            It was changed, or this is not the space's key.
        """
        try:
            opened = self._wrapper(self._key).decrypt(
                wrapped[:_NONCE], wrapped[_NONCE:], self._bound(layer, version)
            )
        except InvalidTag:
            raise Refused(
                "a secret was changed, or this is not the space's key", place="space_secrets"
            ) from None
        return SpaceKey(opened)

    def add(self, session: Session, layer: Layer, at: datetime, secret: SpaceKey | None = None) -> int:
        """Make a layer's next secret, inside the caller's transaction; the first secret is kept beside it."""
        if layer != "root" and not session.scalar(
            select(SpaceSecret.id).where(SpaceSecret.tenant == self._tenant, SpaceSecret.layer == "root")
        ):
            self.add(session, "root", at, self.root())
        latest = select(func.max(SpaceSecret.version)).where(
            SpaceSecret.tenant == self._tenant, SpaceSecret.layer == layer
        )
        version = (session.scalar(latest) or 0) + 1
        row = SpaceSecret(tenant=self._tenant, layer=layer, version=version, made_at=at, done_at=None)
        row.wrapped = self.wrap(layer, version, secret or SpaceKey.new())
        row.under = self._key.fingerprint
        row.done_at = at if layer in ("root", "sign") else None
        session.add(row)
        session.flush()
        return version

    def _once(self) -> None:
        if self._mark is None:
            self.refresh()

    def _replaced(self, under: set[str]) -> SpaceKey:
        if len(under) == 1 and self._again is not None:
            return self._again(under.pop())
        raise Refused("this is not the space's key", place="space key")

    def _wrapper(self, key: SpaceKey) -> AESGCM:
        return AESGCM(key.sub_key(f"{self._tenant}/secrets"))

    def _bound(self, layer: str, version: int) -> bytes:
        return f"{self._tenant}\x1fsecret\x1f{version}\x1f{layer}".encode()
