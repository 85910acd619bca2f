"""Work over a large batch of rows, shared out among a cluster's machines, which write what comes of it beside the lake.

The machines get Arrow batches and a function, and answer with what they wrote, never with rows. A machine that dies
takes nothing with it but time: its part is done again elsewhere, into another folder, and only what a part that came
to its end has told of is taken over. So nothing counts before the one commit of whoever asked.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from allears.errors import Refused, WorldFailed
from allears.lake.spark.session import PLACE, frame, told
from allears.lake.staged import FOLDER, Staged, StagedFile, write_apart
from allears.lake.writing import CONFIGURATION, PARTITIONS, writing

log = logging.getLogger("allears.spark")
Work = Callable[[pa.RecordBatch], pa.RecordBatch]
PART_ROWS = 5_000
PATIENCE_SECONDS = 60.0
"""How long a job waits without a single machine."""
ADDS = pa.schema([("folder", pa.string()), ("told", pa.string())])
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Staging:
    """A cluster's machines, as far as they work on rows.

    Parameters
    ----------
    session
        A session of its own: what runs in it is ended together.
    lake
        The lake's folder, under the same path on every machine.

    Raises
    ------
    Refused
        What the machines say to each other could be read on the way: rows that are not redacted yet are for nobody else.
    """

    def __init__(self, session: Any, lake: Path) -> None:
        # One partition for each Arrow batch, whatever its size.
        session.conf.set("spark.sql.execution.arrow.localRelationThreshold", "0")
        self._session, self._lake = session, lake
        check_private(session.sparkContext.master, dict(session.sparkContext.getConf().getAll()))

    def stage(self, name: str, rows: pa.RecordBatch, work: Work) -> Staged:
        """Work on rows in parts, and leave what comes of it beside the table.

        Parameters
        ----------
        work
            Found by its name on every machine, with what it was given picklable; rows in any order.

        Raises
        ------
        WorldFailed
            The cluster has no machine, or failed at it again and again; nothing of it is left.
        """
        folder = self._lake.absolute() / FOLDER / uuid.uuid4().hex
        folder.mkdir(parents=True)
        self._session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(PART_ROWS))
        try:
            with told(), self._watched() as given_up:
                try:
                    given = frame(self._session, pa.Table.from_batches([rows]))
                    done = given.mapInArrow(
                        partial(_part, work, name, str(folder)), "folder string, told string"
                    ).collect()
                except Exception:
                    if given_up.is_set():
                        raise WorldFailed(
                            "the cluster has no machine left", place=PLACE, again=True
                        ) from None
                    raise
        except BaseException:
            Staged(name, folder, ()).drop()
            raise
        return Staged(name, folder, [_file(folder, row.folder, row.told) for row in done])

    @contextmanager
    def _watched(self) -> Iterator[threading.Event]:
        """End the job when no machine has been there for a while: Spark itself would wait for one for ever."""
        given_up, over = threading.Event(), threading.Event()
        watch = threading.Thread(target=self._watch, args=(given_up, over), daemon=True)
        if not self._session.sparkContext.master.startswith("local"):
            watch.start()
        try:
            yield given_up
        finally:
            over.set()
            if watch.ident is not None:
                watch.join()

    def _watch(self, given_up: threading.Event, over: threading.Event) -> None:
        tracker = self._session.sparkContext._jsc.sc().statusTracker()
        alone = 0.0
        while not over.wait(1.0):
            # The driver is one of them.
            alone = alone + 1.0 if len(tracker.getExecutorInfos()) <= 1 else 0.0
            if alone >= PATIENCE_SECONDS:
                given_up.set()
                self._session.interruptAll()


def check_private(
    master: str,
    conf: dict[str, str],
    work: str = "digesting on a cluster",
    why: str = "texts travel before they are redacted",
    place: str = "allears.toml [engine] digest",
) -> None:
    """Refuse a cluster on which rows would travel in clear.

    Examples
    --------
    >>> check_private("spark://127.0.0.1:7077", {})
    >>> check_private("spark://ten:7077", {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"})
    >>> check_private("spark://ten:7077", {})
    Traceback (most recent call last):
        ...
    allears.errors.Refused: digesting on a cluster needs spark.authenticate and spark.network.crypto.enabled: texts travel before they are redacted - at allears.toml [engine] digest
    """
    hosts = [one.rpartition(":")[0] for one in master.removeprefix("spark://").split(",")]
    if master.startswith("local") or all(host in LOOPBACK for host in hosts):
        return
    wanted = ("spark.authenticate", "spark.network.crypto.enabled")
    if any(conf.get(name, "false").lower() != "true" for name in wanted):
        raise Refused(f"{work} needs spark.authenticate and spark.network.crypto.enabled: {why}", place=place)


def _part(work: Work, name: str, folder: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Run on a machine of the cluster: work on one part, and write it."""
    given = [batch for batch in batches if batch.num_rows]
    if not given:
        return
    own = uuid.uuid4().hex
    try:
        made = work(pa.Table.from_batches(given).combine_chunks().to_batches()[0])
        adds = write_apart(
            Path(folder) / own,
            name,
            made,
            partition_by=PARTITIONS.get(name),
            configuration=CONFIGURATION.get(name),
            writing=writing(name, made.num_rows),
        )
    except Exception as error:
        # Its words may hold a piece of a text, and Spark writes them into logs on every machine.
        raise RuntimeError(f"the work on a part failed ({type(error).__name__})") from None
    yield pa.RecordBatch.from_pylist([{"folder": own, "told": json.dumps(add)} for add in adds], schema=ADDS)


def _file(folder: Path, own: str, words: str) -> StagedFile:
    add = json.loads(words)
    return StagedFile(folder / own / add["path"], add)
