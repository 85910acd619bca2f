"""How the audit's signing key changed hands: the old key vouches for the new one, and the new one for the old."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from allears.guard.heads import Signed, Signer, sound, vouched

_WHAT = "handover"


class Handover(msgspec.Struct, frozen=True):
    """From entry ``number`` on, ``new`` signs; keys and signatures hex."""

    old: str
    new: str
    number: int
    by_old: str
    by_new: str


def hand_over(old: Signer, new: Signer, number: int) -> Handover:
    """Let two keys vouch for each other.

    Examples
    --------
    >>> made = hand_over(Signer(bytes(32), "acme"), Signer(b"1" * 32, "acme"), 7)
    >>> handed_over(made), handed_over(msgspec.structs.replace(made, number=8))
    (True, False)
    """
    words = _words(old.public, new.public, number)
    return Handover(old.public, new.public, number, old.vouch(_WHAT, words), new.vouch(_WHAT, words))


def handed_over(made: Handover) -> bool:
    """Tell whether both keys vouched for it."""
    words = _words(made.old, made.new, made.number)
    return vouched(_WHAT, words, made.by_old, made.old) and vouched(_WHAT, words, made.by_new, made.new)


def newest(key: str, handovers: Sequence[Handover]) -> str:
    """Follow handovers from a key that is known to the one that signs now.

    A head is good under that one alone: whoever got hold of an old key must not sign with it any more.
    """
    for made in sorted(handovers, key=lambda one: one.number):
        if made.old == key and handed_over(made):
            key = made.new
    return key


def sound_then(head: Signed, key: str, handovers: Sequence[Handover]) -> bool:
    """Tell whether a head of the past is signed by the key of its time, given a key that is known, of whatever time."""
    now = newest(key, handovers)
    for made in sorted(handovers, key=lambda one: -one.number):
        if made.new == now and head.size < made.number and handed_over(made):
            now = made.old
    return sound(head, now)


def _words(old: str, new: str, number: int) -> bytes:
    return f"{old} {new} {number}".encode()
