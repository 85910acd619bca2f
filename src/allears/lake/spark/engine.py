"""Who answers questions when one machine is not enough: Spark through Ibis, over the file list of the Delta tables.

Spark reads the very Parquet files that make up the table now, listed by delta-rs: no package but PySpark's own is
needed. What the work itself asks in passing, of few rows and many times a minute, and what users write in SQL stays with
DuckDB on this machine: a job for one row takes longer than the row, and Spark's SQL cannot be locked into the lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import ibis
import pyarrow as pa

from allears.lake.engine import OF_PEOPLE, Engine
from allears.lake.spark.session import connect, frame, ibis_on, leave, told
from allears.lake.spark.staging import Staging
from allears.lake.spark.words import in_sparks_words
from allears.tables import table

_words = lru_cache(512)(
    lambda sql, views, lists: in_sparks_words(sql, dict(views), lists)  # the same questions come again
)


class SparkEngine(Engine):
    """Answers questions about the lake on a cluster.

    Parameters
    ----------
    near
        DuckDB on this machine, for what the work asks in passing.
    session
        The cluster; its machines must reach the lake's folder under the same path.
    """

    def __init__(self, near: Engine, session: Any, *, url: str = "") -> None:
        self._near, self._session, self._url = near, session, url
        self._store, self._lock, self._people = near._store, near._lock, near._people
        self._options, self._memory = near._options, near._memory
        self._ibis = ibis_on(session)
        self._prefix = "lake"
        self._versions: dict[str, int] = {}
        self._tables: dict[str, ibis.Table] = {}
        self._still = False

    @classmethod
    def open(cls, near: Engine, url: str, options: Mapping[str, str]) -> SparkEngine:
        """Open a session on a cluster and answer from there."""
        return cls(near, connect(url, options), url=url)

    def share_work(self) -> None:
        """Let the cluster's machines work on large batches, too.

        Raises
        ------
        Refused
            Rows would travel in clear.
        """
        self.staging = Staging(self._session.newSession(), self._store.folder)

    @property
    def near(self) -> Engine:
        """DuckDB on this machine."""
        return self._near

    def narrowed(self, keys: pa.Array, *, only: bool) -> Engine:
        """Give this engine as if some people's rows were not there, or alone there."""
        return NarrowedSpark(self, keys, only=only)

    def made_of(self, name: str) -> dict[str, bytes]:
        """Give for each day a digest of the files that hold its rows now: it moves when the day's rows do."""
        return self._near.made_of(name)

    @contextmanager
    def standing_still(self, name: str) -> Iterator[int]:
        """Answer from one version of the lake until the end; gives a table's number."""
        with self._near.standing_still(name), super().standing_still(name) as version:
            yield version

    def arrow(self, expression: ibis.Table) -> pa.Table:
        """Answer a table expression as an Arrow table."""
        with self._lock, told():
            return self._ibis.to_pyarrow(expression)

    def query(self, sql: str, **values: Any) -> pa.Table:
        """Answer our own SQL over the lake tables it names; `values` are bound, never pasted.

        Raises
        ------
        Refused
            It says something that DuckDB alone knows: that is asked `near`.
        """
        with self._lock:
            views = tuple((name, self._view_of(name)) for name in self._named_in(sql))
            lists = tuple(name for name, value in values.items() if isinstance(value, list | tuple))
            asked = _words(sql, views, lists)
            with told():
                for view, columns in asked.given.items():
                    rows = pa.table({column: _texts(values[of]) for column, of in columns.items()})
                    frame(self._session, rows).createOrReplaceTempView(view)
                joined = {of for columns in asked.given.values() for of in columns.values()}
                single = {name: value for name, value in values.items() if name not in joined}
                found = self._session.sql(asked.text, args=single or None).toArrow()
                # Where Spark knows that a column has no gaps it says so; nobody else does.
                return found.cast(pa.schema([field.with_nullable(True) for field in found.schema]))

    def ids_in(self, files: Sequence[str]) -> pa.Array:
        """Hash the signal ids that some files of the table ``signals`` hold, as `hashes` does."""
        return self._near.ids_in(files)

    def by_ids(self, columns: Sequence[str], hashes: pa.Array, days: Sequence[str] | None = None) -> pa.Table:
        """Give the signals whose ids hash to these, of all days or of those that are named."""
        return self._near.by_ids(columns, hashes, days)

    def hashes(self, texts: pa.Array) -> pa.Array:
        """Hash strings to 64 bits, the same on each machine of one engine version."""
        return self._near.hashes(texts)

    def close(self) -> None:
        """Let go of the engine."""
        with self._lock:
            self._near.close()
            leave(self._url)

    def _newest(self, name: str) -> int:
        return self._near.version(name)

    def _laid(self, name: str) -> ibis.Table:
        with told():
            self._rows(name).createOrReplaceTempView(self._view_of(name))
            return self._ibis.lake_table(self._view_of(name), table(name).schema)

    def _view_of(self, name: str) -> str:
        return f"{self._prefix}_{name}"

    def _rows(self, name: str) -> Any:
        """Read the files that make up a table now."""
        from pyspark.sql.pandas.types import from_arrow_schema

        schema, files = table(name).schema, self._store.files(name)
        if not files:
            return frame(self._session, [], from_arrow_schema(schema))
        reader = self._session.read.schema(from_arrow_schema(schema)).option(
            "basePath", str(self._store.folder / name)
        )
        return reader.parquet(*files).select(*schema.names)


class NarrowedSpark(SparkEngine):
    """Answers questions as if some people's rows were not in the lake; see `allears.lake.narrowed.Narrowed`."""

    def __init__(self, whole: SparkEngine, keys: pa.Array, *, only: bool) -> None:
        super().__init__(whole.near.narrowed(keys, only=only), whole._session)
        self._whole, self._ibis = whole, whole._ibis
        self._prefix = f"for_{id(self):x}"
        self._only = only
        self._keys = frame(self._session, pa.table({"key": keys.cast(pa.string())}))

    def close(self) -> None:
        """Nothing of its own to let go of."""

    def _rows(self, name: str) -> Any:
        rows = self._whole._rows(name)
        if name not in OF_PEOPLE:
            return rows
        theirs = rows[OF_PEOPLE[name]] == self._keys["key"]
        return rows.join(self._keys, theirs, "left_semi" if self._only else "left_anti")


def _texts(values: Sequence[Any]) -> pa.Array:
    return pa.array(values) if values else pa.array([], pa.string())
