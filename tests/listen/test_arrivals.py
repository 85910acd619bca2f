from __future__ import annotations

import pyarrow as pa

from allears.listen import FORMATS, Context
from allears.listen.arrivals import write_arrivals


def test_arrivals_come_back_as_they_went(context: Context) -> None:
    batch = FORMATS["signals"].read(b'[{"text": "a", "id": 1}, {"text": "b", "id": 2}]', context).arrivals
    body = write_arrivals(batch)
    checked = FORMATS["arrivals"].check(body, context)
    assert (checked.accepted, checked.keep) == (2, body)
    assert FORMATS["arrivals"].read(body, context).arrivals.equals(batch)


def test_another_table_is_refused(context: Context) -> None:
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_pydict({"a": [1]})
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    for body in (sink.getvalue().to_pybytes(), b"", b"nonsense"):
        assert FORMATS["arrivals"].check(body, context).refused
        assert FORMATS["arrivals"].read(body, context).arrivals.num_rows == 0
