"""Linking the people of a file: read, weigh, decide, and hold the answer against labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from allears.errors import Refused
from allears.journey.people_file import read_table, record_ids
from allears.know.link import Linked, Thresholds, evaluate, hold_out, link
from allears.know.link.columns import ID
from allears.know.link.equal import seconds
from allears.know.link.learn import OpenLinker, open_linker
from allears.know.link.truth import rates
from allears.lake.spark.session import connect, is_spark, leave, told
from allears.settings import EngineSettings

TRUE_PERSON = ("person", "cluster", "true_id", "customer")
SIDES = (("left", "right"), ("unique_id_l", "unique_id_r"), ("record_l", "record_r"))
SCORES = ("match", "same", "clerical_match_score")


@dataclass(frozen=True)
class FileLinked:
    """What linking a file found."""

    linked: Linked
    path: Path
    unread: list[str]
    """Columns of the file that say nothing known."""
    records: list[str]
    """Each record's id, or its row where the file has none that tell records apart, counted from 1."""
    not_an_id: int = 0
    """The first record whose id is missing or an earlier record's: records are told by their rows then."""

    def summary(self) -> dict[str, Any]:
        """Count: records, people, pairs by decision, how many pairs were compared."""
        decisions = self.linked.pairs["decision"].to_pylist()
        return {
            "records": len(self.records),
            "people": int(self.linked.clusters.max()) + 1 if len(self.records) else 0,
            "automatic": decisions.count("automatic"),
            "queue": decisions.count("queue"),
            "compared": self.linked.compared,
            "not_compared": {"records": self.linked.left_out.records, "too_common": self.linked.left_out.by},
            "columns": self.linked.columns,
            "unread": self.unread,
            "not_an_id": self.not_an_id or None,
        }

    def pairs(self) -> list[dict[str, Any]]:
        """Give pairs, surest first, each with what every field adds; of equal records, each with the first."""
        return self._told(self.linked.pairs)

    def _told(self, pairs: pa.Table) -> list[dict[str, Any]]:
        return [
            {
                "left": self.records[row["left"]],
                "right": self.records[row["right"]],
                "decision": row["decision"],
                "probability": 1 / (1 + 2.0 ** -row["bits"]),
                "bits": row["bits"],
                "why": row["why"],
            }
            for row in pairs.to_pylist()
        ]

    def different_pairs(self, limit: int) -> list[dict[str, Any]]:
        """Give pairs as `pairs` does, records that say the very same once; ``equal`` is how many more of them there are."""
        left, right = (self.linked.pairs[side].to_numpy() for side in ("left", "right"))
        first = self.linked.first
        of_copy = first[left] == first[right]
        once = np.isin(right, seconds(first)) | ~of_copy
        rows = np.flatnonzero(once)[:limit]
        others = np.where(of_copy[rows], np.bincount(first, minlength=len(first))[left[rows]] - 2, 0)
        shown = self._told(self.linked.pairs.take(pa.array(rows)))
        return [row | {"equal": int(more)} for row, more in zip(shown, others, strict=True)]

    def people(self) -> list[dict[str, Any]]:
        """Give each record's person, a number."""
        return [
            {"record": record, "person": int(person)}
            for record, person in zip(self.records, self.linked.clusters, strict=True)
        ]


def link_file(
    path: Path,
    *,
    today: date,
    columns: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
    engine: EngineSettings | None = None,
) -> FileLinked:
    """Find the records of a file that are one person.

    Parameters
    ----------
    path
        CSV or Parquet.
    today, columns, thresholds
        As for `allears.know.link.link`.
    engine
        Who compares pairs: a cluster, where its address is one of Spark's; it is handed the records, and weights are learned here.

    Raises
    ------
    NotFound
        No such file.
    Refused
        It cannot be read as a table, or no column says who somebody is.
    NotReady
        Too few records, or Splink is not installed.
    WorldFailed
        The cluster does not answer, or failed.
    """
    people = read_table(path)
    with _comparing(engine) as opened:
        linked = link(people, today=today, columns=columns, thresholds=thresholds, opened=opened)
    unread = [name for name in people.column_names if name not in linked.columns.values()]
    return FileLinked(linked, path, unread, *record_ids(people, linked.columns.get(ID)))


@contextmanager
def _comparing(engine: EngineSettings | None) -> Iterator[OpenLinker]:
    if engine is None or not is_spark(engine.url):
        yield open_linker
        return
    from allears.know.link.on_spark import open_spark_linker
    from allears.lake.spark.staging import check_private

    session = connect(engine.url, engine.options)
    try:
        conf = dict(session.sparkContext.getConf().getAll())
        check_private(
            engine.url, conf, "linking on a cluster", "names and addresses travel there", "--engine"
        )
        with told():
            yield partial(open_spark_linker, session)
    finally:
        with suppress(Exception):  # a cluster that is gone keeps nothing
            session.catalog.clearCache()
        leave(engine.url)


def hold_out_file(
    path: Path,
    field: str,
    *,
    today: date,
    columns: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
) -> dict[str, Any]:
    """Estimate recall in a file without labels, as `allears.know.link.hold_out` does.

    Parameters
    ----------
    path
        The file.
    field
        What is hidden: ``email``, ``phone`` or ``number``.
    """
    return hold_out(read_table(path), field, today=today, columns=columns, thresholds=thresholds)


def evaluate_file(found: FileLinked, labels: Path) -> dict[str, Any]:
    """Hold what was found against labels.

    Parameters
    ----------
    found
        What `link_file` gave.
    labels
        CSV of ``record`` and ``person``, one row per record; or of ``left`` and ``right``, one row per pair, with ``match`` (1 or 0; without
        it each row is a true pair). With pairs, only the labelled ones are judged.

    Raises
    ------
    Refused
        Other columns, a label of a record that the file does not have, two labels of one record, or ids in the file that do not tell
        records apart.
    """
    if found.not_an_id:
        raise Refused(
            "labels need ids that tell records apart: this one has none, or that of an earlier one",
            place=f"{found.path} record {found.not_an_id}",
        )
    table = read_table(labels)
    if not table.num_rows:
        raise Refused("there is no label", place=str(labels))
    known = {name.lower().replace(" ", "_"): name for name in table.column_names}
    places = {record: at for at, record in enumerate(found.records)}
    for left, right in SIDES:
        if left in known and right in known:
            score = next((known[word] for word in SCORES if word in known), None)
            return _pairs(found, places, table, (known[left], known[right]), score, labels)
    person = next((known[word] for word in TRUE_PERSON if word in known), None)
    record = next(
        (known[word] for word in (ID, "record_id", "unique_id", "rec_id", "id") if word in known), None
    )
    if person is None or record is None:
        raise Refused("expected columns record and person, or left and right", place=str(labels))
    rows = _places(places, table[record], labels)
    _once(rows, labels)
    truth = [str(value or "").strip() for value in table[person].to_pylist()]
    if "" in truth:
        raise Refused("a label names no person", place=f"{labels} row {truth.index('') + 2}")
    return evaluate(found.linked.clusters[np.array(rows, np.int64)].tolist(), truth)


def _pairs(
    found: FileLinked,
    places: dict[str, int],
    table: pa.Table,
    sides: tuple[str, str],
    score: str | None,
    labels: Path,
) -> dict[str, Any]:
    left, right = (np.array(_places(places, table[side], labels)) for side in sides)
    if (itself := np.flatnonzero(left == right)).size:
        raise Refused("a pair is of two records, not of one", place=f"{labels} row {itself[0] + 2}")
    _once([(min(pair), max(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)], labels)
    real = np.array([score is None or _likely(v, labels) for v in table[score or sides[0]].to_pylist()])
    said = found.linked.clusters[left] == found.linked.clusters[right]
    return {
        "labelled": len(real),
        "pairs": rates((said & real).astype(int), said.astype(int), real.astype(int)),
    }


def _likely(told: str | None, labels: Path) -> bool:
    try:
        chance = float(told or "")
    except ValueError:
        chance = -1.0
    if not 0 <= chance <= 1:
        raise Refused("expected a number from 0 to 1 in each row of match", place=str(labels))
    return chance >= 0.5


def _once(rows: Sequence[Hashable], labels: Path) -> None:
    seen: set[Hashable] = set()
    for at, row in enumerate(rows):
        if row in seen:
            raise Refused("this record or pair is labelled above already", place=f"{labels} row {at + 2}")
        seen.add(row)


def _places(places: dict[str, int], column: pa.ChunkedArray, labels: Path) -> list[int]:
    found: list[int | None] = [places.get(str(v).strip()) for v in column.to_pylist()]
    if None in found:
        raise Refused(
            "a label names a record that the file does not have",
            place=f"{labels} row {found.index(None) + 2}",
        )
    return [place for place in found if place is not None]
