"""Files of a table that somebody has written and that are in no table yet: they count from the commit that takes them over.

They are written as a table of their own, apart, by the very writer of the lake: its log then says of each file what the
lake's log has to say of it, statistics and filters included.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import WriterProperties, write_deltalake
from deltalake.transaction import AddAction

from allears.errors import WorldFailed
from allears.tables import table

FOLDER = "_staged"
"""Below the lake: on the same disk, so that taking a file over is renaming it."""


@dataclass(frozen=True)
class StagedFile:
    """A file, and what the log says of it: ``path`` below the table, ``size``, ``partitionValues``, ``modificationTime``, ``stats``."""

    path: Path
    told: dict[str, Any]

    @property
    def action(self) -> AddAction:
        """What the commit says."""
        told = self.told
        return AddAction(
            told["path"],
            told["size"],
            told["partitionValues"],
            told["modificationTime"],
            True,
            told.get("stats") or "",
        )

    def move(self, folder: Path) -> None:
        """Move the file to its place below the table; again does nothing."""
        place = folder / self.told["path"]
        if place.exists() and not self.path.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        self.path.rename(place)


@dataclass(frozen=True)
class Staged:
    """What one job left in a folder of its own."""

    name: str
    folder: Path
    files: Sequence[StagedFile]

    def rows(self) -> pa.RecordBatch:
        """Read it, while it is still there."""
        schema = table(self.name).schema
        try:
            parts = [_read(file, schema) for file in self.files]
        except OSError as error:
            # `vacuum` without a delay, as after an erasure, takes what runs as well: it is done again.
            why = f"what the cluster wrote is gone ({type(error).__name__})"
            raise WorldFailed(why, place=self.name, again=True) from None
        whole = pa.concat_tables(parts).combine_chunks().to_batches() if parts else []
        return whole[0] if whole else table(self.name).empty()

    def drop(self) -> None:
        """Remove what was not taken over."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Staging(Protocol):
    """Machines that work on rows and write what comes of it."""

    def stage(
        self, name: str, rows: pa.RecordBatch, work: Callable[[pa.RecordBatch], pa.RecordBatch]
    ) -> Staged:
        """Work on rows, and leave what comes of it beside the table."""


def write_apart(
    folder: Path,
    name: str,
    rows: pa.RecordBatch,
    *,
    partition_by: Sequence[str] | None,
    configuration: dict[str, str] | None,
    writing: WriterProperties,
) -> list[dict[str, Any]]:
    """Write rows into a folder of their own, safe on the disk; gives what the log says of each file."""
    write_deltalake(
        str(folder),
        pa.Table.from_batches([rows]).cast(table(name).schema),
        mode="append",
        partition_by=list(partition_by) if partition_by else None,
        configuration=configuration,
        writer_properties=writing,
    )
    log = folder / "_delta_log" / f"{0:020}.json"
    entries = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    adds = [entry["add"] for entry in entries if "add" in entry]
    # Whoever commits may sit at another machine, and cannot ask this one's disk to hurry.
    for add in adds:
        _settle(folder / add["path"])
    return adds


def staging_folders(lake: Path) -> Iterator[Path]:
    """Name the folders of jobs that run, or did not come to their end."""
    if (lake / FOLDER).is_dir():
        yield from (lake / FOLDER).iterdir()


def _settle(file: Path) -> None:
    for path in (file, file.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(file: StagedFile, schema: pa.Schema) -> pa.Table:
    rows = pq.ParquetFile(file.path).read()
    for column, value in file.told["partitionValues"].items():
        rows = rows.append_column(column, pa.array([value] * rows.num_rows, pa.string()))
    return rows.select(schema.names).cast(schema)
