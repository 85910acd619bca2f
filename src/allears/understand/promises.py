"""Promises with a deadline in what the company wrote."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec


class Promise(msgspec.Struct, frozen=True):
    """A promise: when it was made, when it falls due, which words said so."""

    made_at: datetime
    due_at: datetime
    words: str


def find_promises(texts: Sequence[str | None], times: Sequence[datetime]) -> list[Promise | None]:
    """Find the promise in each text."""
    return [None for _ in texts]
