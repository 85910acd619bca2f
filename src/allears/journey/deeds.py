"""Deeds by right go on the list outside of the desk, from which a restored backup does again what came after it.

A deed is noted as the last thing inside the transaction that does it: what the desk refuses is not on the list, and what is
on the list and not in the desk, because of a crash in between, is done when the space is opened next.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
from msgspec.structs import replace
from sqlalchemy.orm import Session

from allears.desk.rights import DoneErasure
from allears.guard.chain import note_acts
from allears.guard.consent import Word, note_words
from allears.guard.deeds import Deed, Said, seal_deed
from allears.guard.redaction.labels import redact_labels
from allears.journey.ends import acts_path, chain_key, know_written
from allears.journey.ground import Ground

_WORDS = 5_000


def new_deed() -> str:
    """Make an id for a deed."""
    return "d" + secrets.token_hex(8)


def note_deed(
    ground: Ground, session: Session, deed: Deed, actor: str, *, id: str = "", entry: int = 0
) -> None:
    """Put a deed on the list, on disk when this returns, and remember inside the transaction that this desk did it.

    Parameters
    ----------
    entry
        Number of its audit entry.

    Raises
    ------
    WorldFailed
        The list cannot be written: the deed must not be done.
    """
    id = id or new_deed()
    mark_done(session, id, entry)
    session.flush()
    noted = seal_deed(ground.vault, id, ground.clock.now(), actor, deed)
    know_written(ground, session, note_acts(acts_path(ground), [noted], chain_key(ground)), 1)


def mark_done(session: Session, id: str, entry: int) -> None:
    """Remember that an act of the list is carried out."""
    session.add(DoneErasure(id=id, receipt=entry))


def keep_words(ground: Ground, session: Session, words: Sequence[Word], at: datetime, actor: str) -> int:
    """Write words about the use of data down inside the transaction, and on the list; returns how many are new."""
    # What text they agreed to is a label that a sender chose, and is kept in clear.
    versions = redact_labels(
        pa.array([word.version for word in words], pa.string()), region=ground.settings.space.region
    )
    words = [replace(word, version=told) for word, told in zip(words, versions.to_pylist(), strict=True)]
    new = note_words(session, words, at)
    if new:
        for start in range(0, len(words), _WORDS):
            note_deed(ground, session, Said(list(words[start : start + _WORDS])), actor)
    return new


def erasure_key(ground: Ground) -> bytes:
    """Give the key that lines of erasures are sealed under; it stays when the space's key is replaced."""
    return ground.vault.sub_key("erasures")
