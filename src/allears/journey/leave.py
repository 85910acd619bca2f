"""What leaves a space: tables, redacted, sealed for whoever gets them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from allears.errors import NotFound, Refused
from allears.guard.parcel import seal_for
from allears.guard.permit import Permit
from allears.journey.ground import Ground
from allears.journey.questions import sql

BLANKS = "\\t\\n\\v\\f\\r \u00a0\u2000-\u200f\u2028-\u202f\u3000\ufeff"
FORMULA = f"^[{BLANKS}]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\\t\\n\\r]"
"""What a cell begins with that a spreadsheet may run: signs, wide ones too, also behind blanks nobody sees."""
EXPORTED = (
    "signals",
    "identities",
    "links",
    "topics",
    "surprises",
    "expectations",
    "issues",
    "cases",
    "refused",
    "source_hours",
    "source_fields",
)


def export_table(
    ground: Ground,
    permit: Permit,
    name: str,
    path: Path,
    form: str,
    *,
    actor: str,
    sealed: bool = False,
    to: str | None = None,
) -> tuple[int, str | None]:
    """Write a table to a new file that only its owner may read: its rows, and a passphrase when it was sealed under one.

    Parameters
    ----------
    sealed
        Seal it in the form of age, under a new passphrase that is kept nowhere.
    to
        Seal it for this public key of age instead.
    """
    if name not in EXPORTED:
        raise NotFound(f"no table of that name; there are {', '.join(EXPORTED)}", place="TABLE")
    if form not in ("parquet", "json", "csv"):
        raise Refused("expected parquet, csv or json", place="--format")
    rows = sql(ground, permit, f'SELECT * FROM "{name}"', 600.0, rows=1 << 62)
    detail = {"sealed": "yes" if sealed or to else "no", "purpose": permit.purpose}
    ground.audit.record(actor, "export", name, why=form, detail=detail)
    if not (sealed or to):
        with _mine(path) as file:
            _write(rows, file, form)
        return int(rows.num_rows), None
    # In memory: a file in clear that is sealed afterwards would have been there in clear.
    clear = io.BytesIO()
    _write(rows, clear, form)
    content, words = seal_for(clear.getvalue(), to)
    with _mine(path) as file:
        file.write(content)
    return int(rows.num_rows), words


def _mine(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write(rows: pa.Table, file: IO[bytes], form: str) -> None:
    if form == "parquet":
        pa.parquet.write_table(rows, file)
    elif form == "csv":
        pa.csv.write_csv(_flat(rows), file)
    else:
        for batch in rows.to_batches():
            file.writelines(msgspec.json.encode(row, enc_hook=str) + b"\n" for row in batch.to_pylist())


def _flat(rows: pa.Table) -> pa.Table:
    # CSV has no lists and no objects; and a cell that a spreadsheet would run as a formula gets a leading apostrophe.
    columns = []
    for name in rows.schema.names:
        column = rows[name]
        if pa.types.is_list(column.type):
            column = pa.chunked_array(
                [
                    pa.array(
                        ["; ".join(map(str, v)) if v is not None else None for v in column.to_pylist()],
                        pa.string(),
                    )
                ]
            )
        elif pa.types.is_nested(column.type):
            told = [
                None if v is None else msgspec.json.encode(v, enc_hook=str).decode()
                for v in column.to_pylist()
            ]
            column = pa.chunked_array([pa.array(told, pa.string())])
        if pa.types.is_string(column.type):
            risky = pa.compute.match_substring_regex(column, FORMULA)
            column = pa.compute.if_else(risky, pa.compute.binary_join_element_wise("'", column, ""), column)
        columns.append(column)
    return pa.table(columns, names=rows.schema.names)
