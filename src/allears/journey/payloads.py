"""Read payloads that wait in the inbox: what they hold, what was refused, what changed. Needs nothing but what it is given."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from allears.lake import Frame
from allears.listen.changes import Change
from allears.listen.formats import FORMATS
from allears.listen.reading import Context, Reading, Refusal, join

log = logging.getLogger("allears.digest")


@dataclass
class Payloads:
    """What payloads held; ``arrivals`` is `None` when there was nothing, ``refused`` names frames by their place."""

    arrivals: pa.RecordBatch | None = None
    changes: list[Change] = field(default_factory=list)
    refused: list[tuple[int, list[Refusal]]] = field(default_factory=list)


def read_payloads(given: Sequence[tuple[Frame, Context]]) -> Payloads:
    """Read payloads in their order.

    A payload that a reader stumbles over must not stop all that waits behind it: it is refused, and kept whole.
    """
    readings: list[Reading] = []
    found = Payloads()
    for place, (frame, context) in enumerate(given):
        try:
            reading = FORMATS[frame.door].read(frame.body, context)
        except Exception as error:
            log.exception("a reader failed on a payload of the door %s", frame.door)
            failed = f"its reader failed ({type(error).__name__})"
            found.refused.append((place, [Refusal("$", failed, frame.body, frame.door)]))
            continue
        if reading.refused:
            found.refused.append((place, reading.refused))
        if len(reading):
            readings.append(reading)
        found.changes += reading.changes
    if readings:
        found.arrivals = join(readings)
    return found
