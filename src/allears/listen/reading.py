"""What reading yields: arrivals, and what was refused with its place and reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import pyarrow as pa

from allears.listen.shape import Mapping

EVIDENCE_BYTES = 65_536
DEEP = "nested too deeply"


class Refusal(msgspec.Struct, frozen=True):
    """One row that was not accepted.

    ``payload`` is the row as it came, and ``format`` the name under which it can be replayed;
    ``raw`` marks bytes that no format reads on their own.
    """

    place: str
    reason: str
    payload: bytes
    format: str


@dataclass
class Reading:
    """Arrivals (schema of the table ``arrivals``) and refusals; ``bytes_read`` so far, for progress."""

    arrivals: pa.RecordBatch
    refused: list[Refusal] = field(default_factory=list)
    bytes_read: int = 0


class Context(msgspec.Struct, frozen=True):
    """What the door knows about a payload besides its bytes."""

    source: str
    channel: str | None
    received_at: datetime
    max_skew_days: int = 2
    mapping: Mapping | None = None


@dataclass
class Checked:
    """The door's verdict: how many rows are good, which are not, and a body of only the good ones.

    ``keep`` is the very body when all rows are good: nothing is encoded again.
    """

    accepted: int
    refused: list[Refusal]
    keep: bytes


class BadRow(Exception):
    """A row that cannot be accepted; never leaves this stage."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


def explain(error: Exception, at: str) -> tuple[str, str]:
    """Turn an error into place and reason.

    Examples
    --------
    >>> explain(msgspec.ValidationError("Expected `str`, got `int` - at `$.event`"), "$.batch[3]")
    ('$.batch[3].event', 'expected `str`, got `int`')
    """
    if isinstance(error, RecursionError):
        return at, DEEP
    if isinstance(error, BadRow):
        return at + error.place, error.reason
    if isinstance(error, UnicodeError):
        return at, "not valid UTF-8"
    reason, _, place = str(error).partition(" - at `$")
    reason = reason[:1].lower() + reason[1:]
    return at + place.rstrip("`"), reason


def refuse(error: Exception, at: str, payload: bytes | memoryview, format: str) -> Refusal:
    """Make the refusal of one row; evidence above 64 KB is cut and can then not be replayed."""
    place, reason = explain(error, at)
    if len(payload) > EVIDENCE_BYTES:
        return Refusal(place, reason, bytes(payload[:EVIDENCE_BYTES]), "raw")
    return Refusal(place, reason, bytes(payload), format)
