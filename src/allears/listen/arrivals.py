"""Arrivals that were already mapped, as an Arrow stream: how files reach the inbox."""

from __future__ import annotations

import pyarrow as pa

from allears.listen.reading import Checked, Context, Reading, Refusal
from allears.tables.signals import ARRIVALS


class Arrivals:
    """The format ``arrivals``: an Arrow IPC stream in the schema of the table ``arrivals``."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count rows; a stream of another schema is refused whole."""
        try:
            count = _read(body).num_rows
        except (pa.ArrowException, OSError, ValueError):
            return Checked(0, [Refusal("$", "expected an Arrow stream of arrivals", body[:4096], "raw")], b"")
        return Checked(count, [], body)

    def read(self, body: bytes, context: Context) -> Reading:
        """Take the rows as they are."""
        try:
            return Reading(_read(body), [], len(body))
        except (pa.ArrowException, OSError, ValueError):
            refusal = Refusal("$", "expected an Arrow stream of arrivals", body[:4096], "raw")
            return Reading(ARRIVALS.empty(), [refusal], len(body))


def write_arrivals(batch: pa.RecordBatch) -> bytes:
    """Write a batch of arrivals as an Arrow stream.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> context = Context("x", None, datetime(2026, 1, 1, tzinfo=UTC))
    >>> Arrivals().check(write_arrivals(ARRIVALS.empty()), context).accepted
    0
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ARRIVALS.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _read(body: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(body) as stream:
        table = stream.read_all()
    if not table.schema.equals(ARRIVALS.schema):
        raise ValueError("another schema")
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else ARRIVALS.empty()
