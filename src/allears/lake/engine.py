"""Who answers questions: DuckDB through Ibis, over the file list of the Delta tables.

DuckDB's own delta extension would be a download; the table's file list and ``read_parquet`` are enough.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import duckdb
import ibis
import msgspec
import pyarrow as pa

from allears.errors import NotReady, Refused, WorldFailed
from allears.lake.shown import EVERYTHING, READER, Shown
from allears.lake.staged import Staging
from allears.lake.store import Store
from allears.tables import table

LAKE = ("signals", "identities", "expectations", "surprises", "measures")
SEALED = {"signals": ("sealed",)}
OF_PEOPLE = {"signals": "customer_key", "identities": "customer"}
"""Tables with rows of people, and the column that says whose."""
DAY = re.compile(r"/day=([^/]*)/")
# A question that takes seconds would draw a bar on the standard output, in the middle of what scripts read.
_NO_BAR = "SET enable_progress_bar_print=false"
_LOCKED = (sys.executable, "-I", str(Path(__file__).with_name("locked.py")))


class Engine:
    """Answers questions about the lake.

    One connection, one question at a time: DuckDB uses all its threads for each.
    """

    staging: Staging | None = None
    """Other machines that work on large batches, where there are some."""
    _people: tuple[pa.Array, bool] | None = None
    """The keys whose rows are left out, or with true alone shown; ``None`` shows everybody."""

    def __init__(
        self, store: Store, *, memory_mb: int = 2048, threads: int = 0, scratch: Path | None = None
    ) -> None:
        self._store = store
        self._lock = threading.RLock()
        options: dict[str, Any] = {"memory_limit": f"{memory_mb}MB", "autoinstall_known_extensions": False}
        if threads:
            options["threads"] = threads
        if scratch is not None:
            options["temp_directory"] = str(scratch)
        self._options, self._memory = options, memory_mb << 20
        # Merging nested SELECTs takes Ibis longer than many a question; DuckDB does it anyway.
        ibis.options.sql.fuse_selects = False
        self._ibis = ibis.duckdb.connect(**options)
        self._ibis.raw_sql("SET TimeZone='UTC'")
        self._ibis.raw_sql(_NO_BAR)
        # A file of the lake is written once and never changed: what was read of it holds for as long as it is there.
        self._ibis.raw_sql("SET parquet_metadata_cache=true")
        self._ibis.raw_sql("SET validate_external_file_cache='NO_VALIDATION'")
        self._versions: dict[str, int] = {}
        self._made_of: dict[str, dict[str, bytes]] = {}
        self._tables: dict[str, ibis.Table] = {}
        self._still = False

    @property
    def near(self) -> Engine:
        """Who answers, on this machine, what the work itself asks in passing: this engine, unless questions go further."""
        return self

    def narrowed(self, keys: pa.Array, *, only: bool) -> Engine:
        """Give this engine as if the rows of these people were not there, or with ``only`` alone there."""
        from allears.lake.narrowed import Narrowed  # which stands on this file

        return Narrowed(self, keys, only=only)

    def table(self, name: str) -> ibis.Table:
        """Return a lake table as an Ibis expression of its newest version."""
        with self._lock:
            if self._still and name in self._tables:
                return self._tables[name]
            version = self._newest(name)
            if self._versions.get(name) != version:
                # Asking the engine for a table's columns takes longer than many a question.
                self._tables[name] = self._laid(name)
                self._versions[name] = version
            return self._tables[name]

    def version(self, name: str) -> int:
        """Bring the table up to its newest version, and give its number."""
        with self._lock:
            self.table(name)
            return self._versions[name]

    def made_of(self, name: str) -> dict[str, bytes]:
        """Give for each day a digest of the files that hold its rows now: it moves when the day's rows do."""
        with self._lock:
            self.table(name)
            return self._made_of[name]

    def _newest(self, name: str) -> int:
        return self._store.version(name)

    def _laid(self, name: str) -> ibis.Table:
        """Lay a view over the files that make up a table now."""
        files = self._store.files(name)
        self._made_of[name] = _by_day(files)
        if files:
            self._ibis.raw_sql(f"CREATE OR REPLACE VIEW {name} AS {_select(name, files)}")
        else:
            self._ibis.raw_sql(f"DROP VIEW IF EXISTS {name}")
            self._ibis.create_view(name, ibis.memtable(table(name).schema.empty_table()), overwrite=True)
        return self._ibis.table(name)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Hold the connection while stages run expressions of their own."""
        with self._lock:
            yield

    @contextmanager
    def standing_still(self, name: str) -> Iterator[int]:
        """Answer from one version of the lake until the end; gives a table's number."""
        with self._lock:
            version = self.version(name)
            self._still = True
            try:
                yield version
            finally:
                self._still = False

    def arrow(self, expression: ibis.Table) -> pa.Table:
        """Answer a table expression as an Arrow table."""
        with self._lock:
            return self._ibis.to_pyarrow(expression)

    def query(self, sql: str, **values: Any) -> pa.Table:
        """Answer our own SQL over the lake tables it names; `values` are bound, never pasted."""
        with self._lock:
            self._named_in(sql)
            return self._ibis.con.sql(sql, params=values or None).to_arrow_table()

    def _named_in(self, sql: str) -> list[str]:
        """Bring the tables that our own SQL names up to their newest versions."""
        named = [name for name in LAKE if name in sql]
        for name in named:
            self.table(name)
        return named

    def count(self, name: str) -> int:
        """Read a table's log from the beginning and count the rows of every file it names.

        Raises
        ------
        Refused
            It cannot be read.
        """
        try:
            if self._store.version(name) < 0:
                raise Refused("there is a table without a log that can be read", place=name)
            return int(self.query(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py())
        except (duckdb.Error, OSError, WorldFailed) as error:
            raise Refused(f"the table cannot be read ({type(error).__name__})", place=name) from error

    def ids_in(self, files: Sequence[str]) -> pa.Array:
        """Hash the signal ids that some files of the table ``signals`` hold, as `hashes` does."""
        with self._lock:
            rows = f"SELECT hash(signal_id) AS h FROM ({_select('signals', list(files))})"
            return self._ibis.con.sql(rows).to_arrow_table()["h"].combine_chunks()

    def by_ids(self, columns: Sequence[str], hashes: pa.Array, days: Sequence[str] | None = None) -> pa.Table:
        """Give the signals whose ids hash to these, of all days or of those that are named."""
        listed = ", ".join(f'"{c}"' for c in columns)
        within = "" if days is None else " AND day IN (SELECT unnest($days))"
        with self._lock:
            self.table("signals")
            self._ibis.con.register("wanted_ids", pa.table({"h": hashes}))
            try:
                return self._ibis.con.sql(
                    f"SELECT {listed} FROM signals WHERE hash(signal_id) IN (SELECT h FROM wanted_ids){within}",
                    params=None if days is None else {"days": list(days)},
                ).to_arrow_table()
            finally:
                self._ibis.con.unregister("wanted_ids")

    def hashes(self, texts: pa.Array) -> pa.Array:
        """Hash strings to 64 bits, the same on each machine of one engine version."""
        with self._lock:
            rows = pa.table({"text": texts})
            return (
                self._ibis.con.from_arrow(rows)
                .project("hash(text) AS h")
                .to_arrow_table()["h"]
                .combine_chunks()
            )

    def sql(
        self,
        text: str,
        tables: Mapping[str, Callable[[], pa.Table]],
        *,
        seconds: float = 30.0,
        rows: int = 100_000,
        shown: Shown = EVERYTHING,
    ) -> pa.Table:
        """Answer a user's SQL in a process of its own: no tables but these, no files, no network, no extension, bounded.

        Of the lake only what is ``shown``.

        Raises
        ------
        Refused
            Not SQL, or not a question.
        NotReady
            It took longer than ``seconds``.
        """
        if not _is_text(text):
            raise Refused("expected text: half a surrogate is in it", place="sql")
        prepare, empty = ["SET TimeZone='UTC'", _NO_BAR], {}
        if self._people is not None:
            empty["people_of_permit"] = pa.table({"key": self._people[0].cast(pa.string())})
        if shown.values:
            empty[READER] = shown.held()
        for name in LAKE:
            files = self._store.files(name)
            if not files:
                empty[name] = table(name).schema.empty_table()
                continue
            select = _select(name, files, SEALED.get(name, ()))
            if self._people is not None and name in OF_PEOPLE:
                kind = "SEMI" if self._people[1] else "ANTI"
                join = f"{kind} JOIN people_of_permit p ON s.{OF_PEOPLE[name]} = p.key"
                select = f"SELECT s.* FROM ({select}) s {join}"
            prepare.append(f"CREATE VIEW {name} AS {shown.over(name, select)}")
        lowered = text.lower()
        held = {**empty, **{name: fetch() for name, fetch in tables.items() if name in lowered}}
        folder = str(self._store.folder).replace("'", "''")
        asked = {
            "options": {**self._options, "autoload_known_extensions": False},
            "prepare": prepare,
            "tables": list(held),
            "names": sorted({*LAKE, *tables}),
            "lock": [f"SET allowed_directories=['{folder}']", "SET enable_external_access=false", "SET lock_configuration=true"],
            "memory": self._memory,
            "text": text,
            "seconds": seconds,
            "rows": rows,
        }  # fmt: skip
        return _ask(asked, held, seconds)

    def close(self) -> None:
        """Let go of the engine."""
        with self._lock:
            self._ibis.disconnect()


def _ask(asked: dict[str, Any], tables: Mapping[str, pa.Table], seconds: float) -> pa.Table:
    """Have a question answered by a process of its own."""
    sink = pa.BufferOutputStream()
    sink.write(msgspec.json.encode(asked) + b"\n")
    for held in tables.values():
        with pa.ipc.new_stream(sink, held.schema) as out:
            out.write_table(held)
    done = subprocess.run(_LOCKED, input=sink.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    line, _, answer = done.stdout.partition(b"\n")
    told = msgspec.json.decode(line, type=dict[str, str]) if line else {}
    if done.returncode == -signal.SIGALRM or "stopped" in told:
        raise NotReady(f"stopped after {seconds:g} s; ask for less", place="sql")
    if done.returncode or "refused" in told:
        # It ended without a word: killed by the system, most likely for its memory.
        raise Refused(told.get("refused", "it takes more memory than a question may"), place="sql")
    return pa.ipc.open_stream(answer).read_all()


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_day(files: list[str]) -> dict[str, bytes]:
    days: dict[str, list[str]] = {}
    for file in files:
        day = DAY.search(file)
        days.setdefault(day.group(1) if day else "", []).append(file.rpartition("/")[2])
    return {
        day: blake2b("\n".join(sorted(held)).encode(), digest_size=16).digest() for day, held in days.items()
    }


def _select(name: str, files: list[str], without: tuple[str, ...] = ()) -> str:
    listed = ", ".join("'" + f.removeprefix("file://").replace("'", "''") + "'" for f in files)
    columns = ", ".join(f'"{c}"' for c in table(name).schema.names if c not in without)
    hive = ", hive_partitioning=true, hive_types={'day': VARCHAR}" if name == "signals" else ""
    return f"SELECT {columns} FROM read_parquet([{listed}]{hive})"
