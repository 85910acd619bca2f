"""The rows of a file as plain dictionaries, before any mapping, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from allears.listen.delimited import as_row, read_records
from allears.listen.halves import without_halves
from allears.listen.mail import stream_messages
from allears.listen.maildir import Letters
from allears.listen.opening import TORN, Line, Opened, read_lines
from allears.listen.plans import Plan
from allears.listen.reading import EVIDENCE_BYTES, BadRow, Refusal, refuse
from allears.listen.records import find_records, unfold
from allears.listen.split import array_start, elements, stream_elements

Row = tuple[str, dict[str, Any] | bytes | None, Refusal | None]

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_ANY = msgspec.json.Decoder()
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


def raw_rows(plan: Plan, opened: Opened | Letters) -> Iterator[Row]:
    """Yield place and row, or place and refusal; a torn archive ends with a refusal."""
    name = plan.path.name
    if isinstance(opened, Letters):
        yield from _letters(opened.messages(plan.limits.max_line), plan, name)
        return
    try:
        yield from _READERS[plan.format](plan, opened, name)
    except TORN:
        yield name, None, Refusal(name, "the compressed file is torn: what came before is kept", b"", "raw")


def _csv(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    columns = list(plan.columns)
    lines = read_lines(opened, plan.encoding, plan.limits.max_line)
    records = read_records(lines, plan.delimiter or ",", len(columns), plan.quoted)
    for index, record in enumerate(records):
        if index == 0 and plan.headed and record.wrong is None:
            continue
        at = f"{name} line {record.number}"
        if record.wrong is None:
            yield at, as_row(columns, record), None
        else:
            yield at, None, Refusal(at, record.wrong, record.raw[:EVIDENCE_BYTES], "raw")


def _text(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    for at, line in _lines(plan, opened, name):
        if line.text is None:
            yield at, None, Refusal(at, line.note or "unreadable", line.raw, "raw")
        elif line.text.strip():
            row: dict[str, Any] = {"text": line.text.strip()}
            yield at, row if line.note is None else {**row, line.note: True}, None


def _ndjson(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    for at, line in _lines(plan, opened, name):
        if line.text is None:
            yield at, None, Refusal(at, line.note or "unreadable", line.raw, "raw")
            continue
        if not line.text.strip():
            continue
        yield from _one(at, line.text.encode(), note=line.note)


def _json(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    body = opened.stream.read(plan.limits.max_document + 1)
    if len(body) > plan.limits.max_document:
        yield from _json_streamed(plan, opened, body, name)
        return
    body = _as_utf8(body, plan.encoding)
    if body.startswith(b"["):
        yield from _array(body, name)
        return
    try:
        document = _OBJECT.decode(body)
    except _BROKEN as error:
        start = array_start(body, plan.records[0]) if len(plan.records) == 1 else None
        if start is None or (parts := elements(body, start)) is None:
            yield name, None, refuse(error, f"{name} $", body[: EVIDENCE_BYTES + 1], "rows")
        else:
            for index, part in enumerate(parts):
                yield from _one(f"{name} $.{plan.records[0]}[{index}]", part)
        return
    path = plan.mapping.records or (".".join(plan.records) or None)
    for at, row in find_records(document, path):
        yield f"{name} {at}", row, None


def _array(body: bytes, name: str) -> Iterator[Row]:
    try:
        parts: list[Any] | None = list(_RAWS.decode(body))
    except _BROKEN:
        parts = elements(body)
    if parts is None:
        # Cut short, or with a quotation mark too few: what is whole before that is read.
        for index, part in enumerate(stream_elements([body], len(body))):
            at = f"{name} $[{index}]"
            if part is None:
                yield (
                    at,
                    None,
                    Refusal(at, "the array never ends: cut short in this row", body[-4096:], "raw"),
                )
            else:
                yield from _one(at, part)
        return
    for index, part in enumerate(parts):
        yield from _one(f"{name} $[{index}]", bytes(part))


def _json_streamed(plan: Plan, opened: Opened, head: bytes, name: str) -> Iterator[Row]:
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    start: int | None = 0 if head.startswith(b"[") else None
    if start is None and len(plan.records) == 1:
        start = array_start(head[: 1 << 20], plan.records[0])
    if start is None:
        reason = f"one document of more than {plan.limits.max_document:,} bytes"
        yield name, None, Refusal(f"{name} $", reason, head[:4096], "raw")
        return

    def chunks() -> Iterator[bytes]:
        for begin in range(start or 0, len(head), 1 << 20):
            yield head[begin : begin + (1 << 20)]
        yield from opened.chunks()

    for index, part in enumerate(stream_elements(chunks(), plan.limits.max_line)):
        at = f"{name} $[{index}]"
        if part is None:
            yield (
                at,
                None,
                Refusal(at, f"a row longer than {plan.limits.max_line:,} bytes or never ending", b"", "raw"),
            )
        else:
            yield from _one(at, part)


def _parquet(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(opened.stream) as file:
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{name} row {number}", row, None
    except (pa.ArrowException, OSError):
        yield name, None, Refusal(f"{name} row {number + 1}", "not readable as Parquet", b"", "raw")


def _mail(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    pieces = iter(lambda: opened.stream.readline(1 << 20), b"")
    yield from _letters(stream_messages(pieces, plan.limits.max_line), plan, name)


def _call(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    body = opened.stream.read(plan.limits.max_document + 1)
    if len(body) > plan.limits.max_document:
        reason = f"one transcript of more than {plan.limits.max_document:,} bytes"
        yield name, None, Refusal(name, reason, body[:4096], "raw")
    else:
        yield name, body, None


def _letters(found: Iterator[bytes | None], plan: Plan, name: str) -> Iterator[Row]:
    for number, message in enumerate(found, 1):
        at = f"{name} message {number}"
        if message is None:
            yield at, None, Refusal(at, f"a message longer than {plan.limits.max_line:,} bytes", b"", "raw")
        else:
            yield at, message, None


def _nothing(plan: Plan, opened: Opened, name: str) -> Iterator[Row]:
    yield name, None, Refusal(name, plan.warnings[0], b"", "raw")


def _one(at: str, part: bytes, note: str | None = None) -> Iterator[Row]:
    try:
        found = _decoded(part)
    except _BROKEN as error:
        yield at, None, refuse(error, at, part, "rows")
        return
    row = found if isinstance(found, dict) else {"text": found} if isinstance(found, str) else None
    if row is None:
        yield at, None, refuse(BadRow("expected an object"), at, part, "rows")
        return
    if note is not None:
        row[note] = True
    for place, inner in unfold(row, at):
        yield place, inner, None


def _decoded(part: bytes) -> Any:
    try:
        return _ANY.decode(part)
    except msgspec.DecodeError:
        if (whole := without_halves(part)) == part:
            raise
        return _ANY.decode(whole)


def _lines(plan: Plan, opened: Opened, name: str) -> Iterator[tuple[str, Line]]:
    for line in read_lines(opened, plan.encoding, plan.limits.max_line):
        yield f"{name} line {line.number}", line


def _as_utf8(body: bytes, encoding: str) -> bytes:
    if encoding in ("utf-8", "utf-8-sig"):
        return body.removeprefix(b"\xef\xbb\xbf").strip()
    return body.decode(encoding.removesuffix("+cr"), "replace").removeprefix("\ufeff").strip().encode()


_READERS: dict[str, Callable[[Plan, Opened, str], Iterator[Row]]] = {
    "csv": _csv,
    "text": _text,
    "ndjson": _ndjson,
    "json": _json,
    "parquet": _parquet,
    "mail": _mail,
    "call": _call,
    "nothing": _nothing,
}
