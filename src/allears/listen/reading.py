"""What reading yields: arrivals, and what was refused with its place and reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import msgspec
import pyarrow as pa

from allears.listen.build import Row, build
from allears.listen.changes import Change
from allears.listen.shape import Mapping

if TYPE_CHECKING:
    from allears.listen.known_vendors import Vendors
    from allears.listen.platform import Platforms

EVIDENCE_BYTES = 65_536
# What msgspec repeats of the sender's own words: a value, or the name of a field that is not expected.
_SENT = re.compile(r"(?<=Invalid value) .*|(?<=Invalid enum value) .*|(?<=unknown field) .*", re.DOTALL)
_FIELD = re.compile(r" `[A-Za-z][A-Za-z_]{0,39}`")
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


class Reading:
    """What one payload held: arrivals (schema of the table ``arrivals``) and refusals; ``bytes_read`` so far, for progress.

    Parameters
    ----------
    found
        Rows of `Gather`, or a batch that is built already.
    changes
        Edits and deletes of signals that came before, or will come.
    """

    def __init__(
        self,
        found: pa.RecordBatch | list[Row],
        refused: list[Refusal] | None = None,
        bytes_read: int = 0,
        changes: list[Change] | None = None,
    ) -> None:
        self.found = found
        self.refused = refused if refused is not None else []
        self.bytes_read = bytes_read
        self.changes = changes if changes is not None else []

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def arrivals(self) -> pa.RecordBatch:
        """The arrivals as a batch."""
        return build(self.found) if isinstance(self.found, list) else self.found


def join(readings: Iterable[Reading]) -> pa.RecordBatch:
    """Put the arrivals of many payloads into one batch, in their order by kind of payload."""
    rows: list[Row] = []
    batches: list[pa.RecordBatch] = []
    for reading in readings:
        if isinstance(reading.found, list):
            rows += reading.found
        else:
            batches.append(reading.found)
    batches += [build(rows)] if rows or not batches else []
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0] if len(batches) > 1 else batches[0]


class Context(msgspec.Struct, frozen=True):
    """What the door knows about a payload besides its bytes."""

    source: str
    channel: str | None
    received_at: datetime
    max_skew_days: int = 2
    max_event_bytes: int | None = None
    mapping: Mapping | None = None
    vendors: Vendors | None = None
    platforms: Platforms | None = None
    pseudonym: Callable[[str], str] | None = None


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
    >>> explain(msgspec.ValidationError("Invalid enum value 'ada@example.com' - at `$.kind`"), "$[0]")
    ('$[0].kind', 'invalid enum value')
    >>> explain(msgspec.ValidationError("Object contains unknown field `ada@example.com`"), "$[0]")
    ('$[0]', 'object contains unknown field')
    """
    if isinstance(error, RecursionError):
        return at, DEEP
    if isinstance(error, BadRow):
        return at + error.place, error.reason
    if isinstance(error, UnicodeError):
        return at, "not valid UTF-8"
    reason, _, place = str(error).partition(" - at `$")
    reason = _SENT.sub(_unless_a_name, reason)
    # Not of an acronym: JSON stays JSON.
    reason = reason if reason[1:2].isupper() else reason[:1].lower() + reason[1:]
    return at + place.rstrip("`"), reason


def _unless_a_name(found: re.Match[str]) -> str:
    """Keep the sender's word where it can only be the name of a field: a mistyped one should be told."""
    return found[0] if _FIELD.fullmatch(found[0]) else ""


def refuse(error: Exception, at: str, payload: bytes | memoryview, format: str) -> Refusal:
    """Make the refusal of one row; evidence above 64 KB is cut and can then not be replayed."""
    place, reason = explain(error, at)
    if len(payload) > EVIDENCE_BYTES:
        return Refusal(place, reason, bytes(payload[:EVIDENCE_BYTES]), "raw")
    return Refusal(place, reason, bytes(payload), format)


class Format(Protocol):
    """One way in which signals arrive."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Look at a body at the door, quickly: which rows are good."""
        ...

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn a body into arrivals, when it is digested."""
        ...
