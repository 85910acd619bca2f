"""The tables on disk: Delta Lake, one commit per micro-batch, idempotent by application transaction.

Every commit carries how far each inbox segment has been read, so that a crash between "written" and "remembered"
cannot write the same rows twice: the position is part of the commit itself.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from allears.errors import NotReady, Refused, WorldFailed
from allears.lake.newer import require_known, too_new
from allears.lake.place import Place
from allears.lake.staged import Staged, staging_folders
from allears.lake.writing import CONFIGURATION, PARTITIONS, writing
from allears.tables import table

T = TypeVar("T")
TRIES = 5


class Overtaken(NotReady):
    """Another worker has done this already; nothing is missing."""


class Store:
    """The Delta tables of a space.

    Parameters
    ----------
    place
        Each table is a folder below it, or below a prefix of a bucket.
    """

    def __init__(self, place: Path | Place) -> None:
        self._place = Place(place) if isinstance(place, Path) else place
        self.folder = self._place.folder
        self._open: dict[str, DeltaTable] = {}
        self._remembered: tuple[tuple[str, int], DeltaTable] | None = None
        # Digest, compaction and retention would otherwise make each other's commits fail.
        self._turn = threading.RLock()

    @property
    def in_bucket(self) -> bool:
        """Whether the tables are in a bucket."""
        return self._place.bucket is not None

    def append(
        self,
        name: str,
        batch: pa.RecordBatch | pa.Table,
        positions: Mapping[str, int] | None = None,
        *,
        starts: Mapping[str, int] | None = None,
    ) -> None:
        """Write rows in one commit, together with how far each inbox segment was read.

        With ``starts``, where each segment stood when the batch was begun, the commit goes in only where it still stands there.

        Raises
        ------
        WorldFailed
            The disk or the table failed; nothing of this batch is visible.
        Overtaken
            Somebody else took these segments further; nothing of this batch is visible, and nothing of it is missing.
        """
        rows = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        moved = [Transaction(app_id=segment, version=offset) for segment, offset in (positions or {}).items()]
        self._change(
            name,
            lambda: write_deltalake(
                self._standing(name, starts) or self._place.uri(name),
                rows.cast(table(name).schema),
                mode="append",
                partition_by=PARTITIONS.get(name),
                configuration=CONFIGURATION.get(name),
                writer_properties=writing(name, rows.num_rows),
                commit_properties=CommitProperties(app_transactions=moved) if moved else None,
                storage_options=self._place.options,
            ),
        )

    def adopt(self, staged: Staged, positions: Mapping[str, int], *, starts: Mapping[str, int]) -> None:
        """Take files over that lie beside the lake: one commit, as `append`, whoever wrote them.

        Raises
        ------
        WorldFailed
            As `append`; also when a file is gone.
        Overtaken
            As `append`.
        """
        name = staged.name
        moved = [Transaction(app_id=segment, version=offset) for segment, offset in positions.items()]
        if self._delta(name) is None:
            self.append(name, table(name).empty())

        def once() -> None:
            delta = self._standing(name, starts)
            assert delta is not None
            # In the table's folder and in no version of it, until the commit is in; `vacuum` takes what never was.
            for file in staged.files:
                file.move(self.folder / name)
            delta.create_write_transaction(
                [file.action for file in staged.files],
                "append",
                table(name).schema,
                partition_by=PARTITIONS.get(name),
                commit_properties=CommitProperties(app_transactions=moved),
            )

        self._change(name, once)
        staged.drop()

    def _standing(self, name: str, starts: Mapping[str, int] | None) -> DeltaTable | None:
        """Give the table as it is, checked: a commit on it fails when any of these segments moves before it is in."""
        if starts is None:
            return None
        try:
            delta = self._load(name)
        except TableNotFoundError:
            return None
        if any((delta.transaction_version(segment) or 0) != start for segment, start in starts.items()):
            raise Overtaken("another worker took this part of the inbox over", place=name)
        return delta

    def amend(
        self,
        name: str,
        rows: pa.Table,
        columns: Sequence[str],
        *,
        starts: Mapping[str, int] | None = None,
    ) -> None:
        """Give rows that are stored already other values; they are found by ``signal_id`` and ``day``.

        The files that hold them are written anew, so this costs by the day touched; `vacuum` removes the old ones.
        ``starts`` as in `append`.

        Raises
        ------
        WorldFailed
            The disk or the table failed; nothing was changed.
        Overtaken
            As `append`.
        """
        schema = table(name).schema
        given = rows.select(["signal_id", "day", *columns])
        given = given.cast(pa.schema([schema.field(n) for n in given.schema.names]))
        self._change_stored(
            name,
            lambda delta: (
                (self._standing(name, starts) or delta)
                .merge(
                    given,
                    predicate="stored.signal_id = given.signal_id AND stored.day = given.day",
                    source_alias="given",
                    target_alias="stored",
                    writer_properties=writing(name),
                )
                .when_matched_update({column: f"given.{column}" for column in columns})
                .execute()
            ),
        )

    def delete(self, name: str, predicate: str) -> int:
        """Take out the rows a predicate names; returns how many. `vacuum` removes the files that held them.

        Raises
        ------
        WorldFailed
            The disk or the table failed, or somebody else changed the same files just now; nothing was changed.
        """
        return int(
            self._change_stored(name, lambda delta: delta.delete(predicate, writing(name))).get(
                "num_deleted_rows", 0
            )
        )

    def empty(self, name: str, columns: Sequence[str], predicate: str) -> int:
        """Empty columns of the rows a predicate names; returns how many rows. `vacuum` removes the files that held them.

        Raises
        ------
        WorldFailed
            As `delete`.
        """
        nothing = dict.fromkeys(columns, "NULL")
        done = self._change_stored(
            name,
            lambda delta: delta.update(updates=nothing, predicate=predicate, writer_properties=writing(name)),
        )
        return int(done.get("num_updated_rows", 0))

    def overwrite(self, name: str, batch: pa.RecordBatch | pa.Table) -> None:
        """Replace a small table as a whole."""
        rows = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        whole = rows.cast(table(name).schema)
        self._change(
            name,
            lambda: write_deltalake(
                self._place.uri(name), whole, mode="overwrite", storage_options=self._place.options
            ),
        )

    def position(self, name: str, segment: str, version: int | None = None) -> int:
        """How far a segment had been read when the last commit, or that of a ``version``, was made; 0 when never."""
        delta = self._delta(name) if version is None else self._past(name, version)
        return (delta.transaction_version(segment) or 0) if delta else 0

    def _past(self, name: str, version: int) -> DeltaTable | None:
        if version < 0:
            return None
        if self._remembered is None or self._remembered[0] != (name, version):
            self._remembered = (name, version), self._load(name, version)
        return self._remembered[1]

    def version(self, name: str) -> int:
        """Give the table's version; -1 while it does not exist."""
        delta = self._delta(name)
        return delta.version() if delta else -1

    def files(self, name: str) -> list[str]:
        """Give the Parquet files that make up the table now, on this machine's disk."""
        delta = self._delta(name)
        if delta is None:
            return []
        paths = self._place.local(name, delta.file_uris())
        self._place.forget(name, paths)
        return paths

    def tables(self) -> list[str]:
        """Name the tables there are."""
        return self._place.tables()

    def snapshot(self, name: str, scratch: Path) -> list[tuple[str, Path]]:
        """Give every file that makes up the table as it is now, its log included, with its place below the lake: copied together they are the table.

        What a bucket holds and this machine does not is fetched, the log into ``scratch``.
        """
        delta = self._delta(name)
        if delta is None:
            return []
        # Without the hint to the last checkpoint, which may be newer than this version, readers list the log themselves.
        log = [
            (place, path)
            for place, path in self._place.log(name, scratch)
            if place.name[:20].isdigit() and int(place.name[:20]) <= delta.version()
        ]
        uris = [uri.removeprefix("file://") for uri in delta.file_uris()]
        files = [Path(path) for path in self._place.local(name, uris)]
        _require_whole(name, delta, files)
        data = zip((self._place.below(name, uri) for uri in uris), files, strict=True)
        return [(f"{name}/{place}", path) for place, path in log] + [
            (f"{name}/{place}", path) for place, path in data
        ]

    def demand_nothing(self) -> None:
        """Insist that nothing lies where the tables go.

        Raises
        ------
        Refused
            Something does.
        """
        self._place.demand_nothing()

    def fill(self, folder: Path) -> None:
        """Take over the tables of a folder, as `Place.take`."""
        self._place.take(folder)

    def settle(self) -> None:
        """Wait until everything written is on the disk itself: before this, the inbox keeps its copy."""
        self._place.settle()

    def compact(self, name: str = "signals") -> int:
        """Join small files; returns how many were replaced."""
        done = self._change_stored(
            name, lambda delta: delta.optimize.compact(writer_properties=writing(name))
        )
        return int(done.get("numFilesRemoved", 0))

    def vacuum(self, name: str = "signals", hours: int = 168) -> int:
        """Delete files that no version of the last ``hours`` needs; returns how many."""
        # In full: a file that was written before a crash and never became part of the table goes too.
        with self._turn:
            delta = self._delta(name)
            if delta is None:
                return 0
            with self._place.told(name):
                gone = delta.vacuum(
                    retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True
                )
            self._place.forget(name, self._place.local(name, delta.file_uris()), now=hours == 0)
        for folder in staging_folders(self.folder):
            # Of a job whose driver died, or of one that runs, which then finds its files gone and is done again.
            if time.time() - folder.stat().st_mtime >= hours * 3600:
                shutil.rmtree(folder, ignore_errors=True)
        return len(gone)

    def _change_stored(self, name: str, change: Callable[[DeltaTable], dict[str, Any]]) -> dict[str, Any]:
        """Change a table as it is now; an empty answer where there is none."""

        def once() -> dict[str, Any]:
            delta = self._delta(name)
            return change(delta) if delta is not None else {}

        return self._change(name, once)

    def _change(self, name: str, change: Callable[[], T]) -> T:
        """Make one commit, one at a time in this process; again where another process changed the same rows meanwhile."""
        with self._turn:
            self._place.claim()
            for tries in range(TRIES, 0, -1):
                try:
                    return change()
                except (DeltaError, OSError) as error:
                    if (refused := too_new(error, name)) is not None:
                        raise refused from None
                    if isinstance(error, CommitFailedError) and tries > 1:
                        continue
                    raise self._place.failure(error, name) from (
                        error if self._place.bucket is None else None
                    )
        raise AssertionError("unreachable")

    def _delta(self, name: str) -> DeltaTable | None:
        self._place.claim()
        before = self._open[name].version() if name in self._open else None
        try:
            with self._place.told(name):
                if before is not None:
                    self._open[name].update_incremental()
                else:
                    self._open[name] = self._load(name)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            failed = WorldFailed(f"the lake cannot be read ({type(error).__name__})", place=name, again=True)
            raise too_new(error, name) or failed from error
        delta = self._open[name]
        if delta.version() != before:
            try:
                require_known(delta, name)
            except Refused:
                del self._open[name]  # asked again, it is refused again
                raise
        return delta

    def _load(self, name: str, version: int | None = None) -> DeltaTable:
        return DeltaTable(self._place.uri(name), version=version, storage_options=self._place.options)


def _require_whole(name: str, delta: DeltaTable, files: Sequence[Path]) -> None:
    """Insist that a table's files are there at their full length: what copies them would keep the damage for good."""
    sizes = pa.table(delta.get_add_actions(flatten=True))["size_bytes"].to_pylist()
    if sum(sizes) != sum(path.stat().st_size for path in files if path.is_file()):
        raise WorldFailed("a file of the lake is missing or damaged", place=name)
