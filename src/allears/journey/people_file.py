"""A file of people as a table of text: CSV in its own encoding and with its own delimiter, or Parquet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from allears.errors import NotFound, Refused
from allears.listen.delimited import detect_delimiter, name_columns
from allears.listen.opening import TORN, Opened, detect_encoding

PARQUET = b"PAR1"


def read_table(path: Path) -> pa.Table:
    """Read a file, every column as text; what is wrong is said by place, never by value.

    Raises
    ------
    NotFound
        No such file.
    Refused
        It is empty, or no table.
    """
    if not path.exists():
        raise NotFound("no such file", place=str(path))
    if not path.is_file():
        raise Refused("expected a file", place=str(path))
    with Opened(path) as opened:
        head = opened.head()
    if not head.strip():
        raise Refused("the file is empty", place=str(path))
    return _parquet(path) if head.startswith(PARQUET) else _csv(path, head)


def record_ids(people: pa.Table, column: str | None) -> tuple[list[str], int]:
    """Give each record's id, and the first row whose id cannot be one: none is there, or an earlier record has the same.

    Where that is so, and where no column holds ids, records are told by their row, counted from 1 after the header.

    Returns
    -------
    list, int
        The ids, and a row, or 0 where there is none.
    """
    rows = [str(n + 1) for n in range(people.num_rows)]
    if column is None:
        return rows, 0
    ids = pc.utf8_trim_whitespace(people[column])
    codes = pc.fill_null(ids.combine_chunks().dictionary_encode().indices, -1).to_numpy()
    again = np.ones(len(codes), np.bool_)
    again[np.unique(codes, return_index=True)[1]] = False
    wrong = np.flatnonzero(again | (codes < 0))
    return (rows, int(wrong[0]) + 1) if len(wrong) else (ids.to_pylist(), 0)


def _parquet(path: Path) -> pa.Table:
    try:
        found = pq.read_table(path, partitioning=None)
        # What is in no single cell, such as a list, says nothing to compare.
        flat = [name for name in found.column_names if not pa.types.is_nested(found.schema.field(name).type)]
        return pa.table({name: found[name].cast(pa.string()) for name in flat})
    except (pa.ArrowException, OSError):
        raise Refused("this Parquet file cannot be read", place=str(path)) from None


def _csv(path: Path, head: bytes) -> pa.Table:
    encoding, _ = detect_encoding(head)
    lines = head.decode(encoding, "replace").splitlines(keepends=True)[:60]
    prefer = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else None
    delimiter = detect_delimiter(lines[:-1] if len(lines) > 2 else lines, prefer) or ","
    try:
        names = [name.strip() for name in next(csv.reader(lines, delimiter=delimiter), [])]
        if not name_columns(names)[1]:
            # Whoever's values stand there must not be read, and told, as names of columns.
            raise Refused("expected a first line of column names, and found values", place=str(path))
        if len(set(names)) < len(names):
            raise Refused("expected a first line of different column names", place=str(path))
        with Opened(path) as opened:
            return pa.csv.read_csv(
                opened.stream,
                read_options=pa.csv.ReadOptions(
                    column_names=names, skip_rows=1, encoding=encoding.removesuffix("-sig")
                ),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True, delimiter=delimiter),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
                ),
            )
    except pa.ArrowInvalid:
        # Arrow's message quotes the row.
        raise _wrong(path, encoding, delimiter, len(names)) from None
    except UnicodeDecodeError:
        raise Refused("expected text in UTF-8 or Windows-1252 throughout", place=str(path)) from None
    except (csv.Error, *TORN):
        raise Refused("cannot be read as CSV", place=str(path)) from None


def _wrong(path: Path, encoding: str, delimiter: str, width: int) -> Refused:
    """Say in which line there is something else than in the first."""
    with Opened(path) as opened:
        lines = csv.reader(opened.as_text(encoding), delimiter=delimiter)
        for row in lines:
            if row and len(row) != width:
                said = f"expected {width} values as in the first line, found {len(row)}"
                return Refused(said, place=f"{path} line {lines.line_num}")
    return Refused("expected text in UTF-8 or Windows-1252 throughout", place=str(path))
