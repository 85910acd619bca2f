"""One connection to a cluster for a process, shared by its spaces, and Ibis on top of it."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import ibis
import pyarrow as pa

from allears.errors import Refused, WorldFailed

PLACE = "allears.toml [engine] url"
CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # What a machine puts aside on its disk, and what is handed to it, is for nobody else to read.
    "spark.io.encryption.enabled": "true",
    # A day is text, as it is in the lake.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    # The lake lists its own files: looking them up needs no job of its own.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
_lock = threading.Lock()
_held: dict[str, int] = {}


def is_spark(url: str) -> bool:
    """Tell whether an engine's address is one of Spark's.

    Examples
    --------
    >>> is_spark("spark://10.0.0.1:7077"), is_spark("local[2]"), is_spark("duckdb")
    (True, True, False)
    """
    return url.startswith(("spark://", "local["))


def connect(url: str, options: Mapping[str, str]) -> Any:
    """Open a session of its own on the cluster; `leave` it when done.

    Raises
    ------
    Refused
        PySpark or Java is not installed, or this process holds another cluster already.
    WorldFailed
        Nobody answers there.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise Refused("Spark needs the extra `spark`: pip install 'allears[spark]'", place=PLACE)
    if shutil.which("java") is None:
        raise Refused("Spark needs Java 17 or newer on this machine", place=PLACE)
    if url.startswith("spark://"):
        _knock(url)
    # PySpark warns of pandas 3 whenever it meets it, and writes the text of a question that fails to the standard error.
    warnings.filterwarnings(
        "ignore", message="PySpark does not yet fully support pandas", category=FutureWarning
    )
    logging.getLogger("SQLQueryContextLogger").disabled = True
    from pyspark.sql import SparkSession

    with _lock:
        if _held and url not in _held:
            raise Refused("expected one cluster in a process, and another one is open", place=PLACE)
        if not _held:
            builder = SparkSession.builder.master(url).appName("allears")
            for name, value in {**CONFIGURATION, **options}.items():
                builder = builder.config(name, value)
            try:
                builder.getOrCreate()
            except Exception as error:
                raise WorldFailed(
                    f"the cluster did not take us in ({type(error).__name__})", place=PLACE, again=True
                ) from error
        whole = SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
        _held[url] = _held.get(url, 0) + 1
        return whole.newSession()


def leave(url: str) -> None:
    """Let go of a session; the last one lets go of the cluster."""
    from pyspark.sql import SparkSession

    with _lock:
        _held[url] -= 1
        if not _held[url]:
            del _held[url]
            session = SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
            session.stop()


def ibis_on(session: Any) -> Any:
    """Give Ibis on a session, its answers straight in Arrow."""
    import ibis.expr.operations as ops
    from ibis.backends.pyspark import Backend
    from ibis.formats.pyarrow import PyArrowData

    class Straight(Backend):  # type: ignore[misc]
        def to_pyarrow(
            self, expr: Any, /, *, params: Any = None, limit: Any = None, **kwargs: Any
        ) -> pa.Table:
            # Ibis 12 goes by way of pandas, which turns whole numbers with gaps into fractions.
            asked = expr.as_table()
            self._run_pre_execute_hooks(asked)
            found = self._session.sql(self.compile(asked, params=params, limit=limit)).toArrow()
            return expr.__pyarrow_result__(PyArrowData.convert_table(found, asked.schema()))

        def _register_in_memory_table(self, op: Any) -> None:
            rows = op.data.to_pyarrow(op.schema)
            frame(self._session, rows).createOrReplaceTempView(op.name)

        def lake_table(self, name: str, schema: pa.Schema) -> ibis.Table:
            # Asked for its columns, Spark would say nothing of the zone of a time.
            known = ibis.Schema.from_pyarrow(schema)
            return ops.DatabaseTable(name, schema=known, source=self, namespace=ops.Namespace()).to_expr()

    backend = Straight()
    if ibis.options.pyspark is None:
        backend.register_options()
    backend.do_connect(session)
    return backend


def frame(session: Any, rows: pa.Table | list[Any], schema: Any = None) -> Any:
    """Hand rows to the cluster."""
    with warnings.catch_warnings():
        # PySpark leaves the socket it hands them over by to the garbage.
        warnings.simplefilter("ignore", ResourceWarning)
        return session.createDataFrame(rows, schema)


@contextmanager
def told() -> Iterator[None]:
    """Turn what Spark raises into words of ours; its own hold paths and pieces of data."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
        raise WorldFailed(f"the cluster failed ({condition})", place="[engine]", again=True) from error


def _knock(url: str) -> None:
    """Find out at once whether somebody is there: Spark itself tries for a minute, then ends the process behind it."""
    where = urlsplit(url.split(",")[0])
    try:
        socket.create_connection((where.hostname or "", where.port or 7077), timeout=5).close()
    except (OSError, ValueError):
        raise WorldFailed("nobody answers at the cluster's address", place=PLACE, again=True) from None
