"""A pseudonym in the place of one value: the same value, the same pseudonym, and no way back without the key."""

from __future__ import annotations

import hmac


class Pseudonym:
    """Turns a value into the same 32 hex digits each time.

    Parameters
    ----------
    key
        A sub-key of its own, so that what is made here meets no other digest.

    Examples
    --------
    >>> hide = Pseudonym(bytes(32))
    >>> hide("ada@example.com") == hide("ada@example.com"), hide("ada@example.com") == hide("bo@example.com")
    (True, False)
    >>> hide
    Pseudonym()
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, value: str) -> str:
        """Give the pseudonym of a value."""
        return hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    def __repr__(self) -> str:
        return "Pseudonym()"
