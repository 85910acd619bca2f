"""Linking the people of a file: read, weigh, decide, and hold the answer against labels."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from allears.errors import NotFound, Refused
from allears.know.link import Linked, Thresholds, evaluate, hold_out, link
from allears.know.link.columns import ID
from allears.know.link.truth import rates

TRUE_PERSON = ("person", "cluster", "true_id", "customer")
SIDES = (("left", "right"), ("unique_id_l", "unique_id_r"), ("record_l", "record_r"))
SCORES = ("match", "same", "clerical_match_score")


@dataclass(frozen=True)
class FileLinked:
    """What linking a file found."""

    linked: Linked
    records: list[str]
    """Each record's id, or its row where the file has none, counted from 1."""

    def summary(self) -> dict[str, Any]:
        """Count: records, people, pairs by decision, how many pairs were compared."""
        decisions = self.linked.pairs["decision"].to_pylist()
        return {
            "records": len(self.records),
            "people": int(self.linked.clusters.max()) + 1 if len(self.records) else 0,
            "automatic": decisions.count("automatic"),
            "queue": decisions.count("queue"),
            "compared": self.linked.compared,
            "columns": self.linked.columns,
        }

    def pairs(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Give pairs, surest first, each with what every field adds."""
        found = self.linked.pairs if limit is None else self.linked.pairs.slice(0, limit)
        return [
            {
                "left": self.records[row["left"]],
                "right": self.records[row["right"]],
                "decision": row["decision"],
                "probability": 1 / (1 + 2.0 ** -row["bits"]),
                "bits": row["bits"],
                "why": row["why"],
            }
            for row in found.to_pylist()
        ]

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
) -> FileLinked:
    """Find the records of a CSV file that are one person.

    Raises
    ------
    NotFound
        No such file.
    Refused
        It cannot be read as CSV, or no column says who somebody is.
    NotReady
        Too few records, or Splink is not installed.
    """
    people = read_table(path)
    linked = link(people, today=today, columns=columns, thresholds=thresholds)
    column = linked.columns.get(ID)
    if column is None:
        return FileLinked(linked, [str(n + 1) for n in range(people.num_rows)])
    return FileLinked(linked, [str(v).strip() for v in people[column].to_pylist()])


def read_table(path: Path) -> pa.Table:
    """Read a CSV file, every column as text; what is wrong is said by place, never by value."""
    if not path.is_file():
        raise NotFound("no such file", place=str(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader(file), [])]
        if not names or len(set(names)) < len(names):
            raise Refused("expected a first line of different column names", place=str(path))
        return pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, delimiter=","),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error):
        # Arrow's message quotes the row.
        raise Refused(
            "expected a CSV file in UTF-8, as many values in each row as in the first", place=str(path)
        ) from None


def hold_out_file(
    path: Path,
    field: str,
    *,
    today: date,
    columns: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
) -> dict[str, Any]:
    """Estimate recall in a CSV file without labels, as `allears.know.link.hold_out` does.

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
        Other columns, or a label of a record that the file does not have.
    """
    table = read_table(labels)
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
    truth = [str(value) for value in table[person].to_pylist()]
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
    try:
        real = np.array([score is None or float(v) >= 0.5 for v in table[score or sides[0]].to_pylist()])
    except (TypeError, ValueError):
        raise Refused("expected a number from 0 to 1 in each row of match", place=str(labels)) from None
    said = found.linked.clusters[left] == found.linked.clusters[right]
    return {
        "labelled": len(real),
        "pairs": rates((said & real).astype(int), said.astype(int), real.astype(int)),
    }


def _places(places: dict[str, int], column: pa.ChunkedArray, labels: Path) -> list[int]:
    found: list[int | None] = [places.get(str(v).strip()) for v in column.to_pylist()]
    if None in found:
        raise Refused(
            "a label names a record that the file does not have",
            place=f"{labels} row {found.index(None) + 2}",
        )
    return [place for place in found if place is not None]
