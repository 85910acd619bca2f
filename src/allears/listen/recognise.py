"""What form a file has, told by its first bytes and helped by its name."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from allears.errors import Refused
from allears.listen.captions import is_captions
from allears.listen.delimited import detect_delimiter, name_columns, never_quoted, read_records
from allears.listen.opening import TORN, Opened, detect_encoding, read_lines
from allears.listen.plans import Plan
from allears.listen.records import records_path

SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet",
    ".eml": "mail", ".mbox": "mail", ".vtt": "call", ".srt": "call", ".txt": "text",
}  # fmt: skip
_MAIL = re.compile(
    rb"From .*\d\d:\d\d|(?:Return-Path|Received|Delivered-To|From|Message-ID|Date|MIME-Version|Subject): ",
    re.I,
)
_UNREAD = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"%PDF": "a PDF",
}


def recognise(plan: Plan, head: bytes) -> Plan:
    """Tell the form by the first bytes, helped by the name's ending."""
    if not head.strip(b" \t\r\n\0\xef\xbb\xbf"):
        return replace(plan, warnings=("the file is empty",))
    for mark, what in _UNREAD.items():
        if head.startswith(mark):
            return replace(plan, warnings=(f"{what} is not read: save what is in it as CSV",))
    if head.startswith(b"PAR1"):
        if plan.gzip:
            raise Refused("Parquet inside gzip: unpack it first", place=plan.path.name)
        return replace(plan, format="parquet")
    kind = SUFFIXES.get(suffix(plan.path), "")
    if kind == "parquet":
        return replace(plan, warnings=("not readable as Parquet",))
    if kind == "mail" or (not kind and _MAIL.match(head)):
        return replace(plan, format="mail")
    if kind == "call" or is_captions(head):
        return replace(plan, format="call")
    encoding, doubt = detect_encoding(head)
    if b"\n" not in head and b"\r" in head and not encoding.startswith("utf-16"):
        encoding += "+cr"
    plan = replace(plan, encoding=encoding, warnings=(doubt,) if doubt else ())
    text = _readable(head, encoding)
    if kind in ("json", "ndjson") or (kind in ("", "text") and text[:1] in ("{", "[")):
        return _recognise_json(plan, text)
    if kind == "text":
        return replace(plan, format="text")
    return _recognise_csv(plan, text)


def _readable(head: bytes, encoding: str) -> str:
    text = head.decode(encoding.removesuffix("+cr"), "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").lstrip()


def _recognise_json(plan: Plan, text: str) -> Plan:
    if text.startswith("["):
        return replace(plan, format="json")
    if not text.startswith("{"):
        return replace(plan, format="ndjson")
    first, _, others = text.partition("\n")
    if others.strip():
        # Opening braces on a line of their own belong to one document; anything else is a row, good or bad.
        spread = first.strip() == "{" or not others.lstrip().startswith("{")
        if not spread:
            return replace(plan, format="ndjson")
    document = _document(plan)
    if plan.platforms.of(document) is not None:
        return replace(plan, format="call")
    return replace(plan, format="json", records=tuple(records_path(document) or ()))


def _document(plan: Plan) -> dict[str, Any]:
    """Decode a document that fits in memory; nothing of one that does not, or is broken."""
    try:
        with Opened(plan.path) as opened:
            body = opened.stream.read(plan.limits.max_document)
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError, *TORN):
        return {}


def _recognise_csv(plan: Plan, text: str) -> Plan:
    lines = text.split("\n")[:60]
    if len(lines) > 2:
        lines.pop()  # the last one may be cut
    delimiter = detect_delimiter(
        [line[:20_000] + "\n" for line in lines], "\t" if suffix(plan.path) == ".tsv" else None
    )
    warnings = list(plan.warnings)
    with Opened(plan.path) as opened:
        records = read_records(
            read_lines(opened, plan.encoding, plan.limits.max_line), delimiter or ",", None
        )
        try:
            first = next((r for r in islice(records, 20) if r.wrong is None), None)
        except TORN:
            first = None
    if first is None:
        return replace(
            plan, format="text", warnings=(*warnings, "no row can be read as CSV: read as lines of text")
        )
    columns, headed = name_columns(first.cells)
    if not headed:
        warnings.append("no header was found: columns are called column_1, column_2 and so on")
    return replace(
        plan,
        format="csv",
        delimiter=delimiter or ",",
        quoted=not (delimiter == "\t" and never_quoted(lines)),
        columns=tuple(columns),
        headed=headed,
        warnings=tuple(warnings),
    )


def suffix(path: Path) -> str:
    """Give a name's ending, without that of gzip."""
    return Path(path.name.lower().removesuffix(".gz")).suffix
