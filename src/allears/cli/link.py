"""Link: records that are probably one person."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from allears.cli import show
from allears.errors import NotFound, Refused

if TYPE_CHECKING:
    from allears.journey.linking import FileLinked


def link(
    file: Path,
    /,
    *,
    evaluate: Path | None = None,
    column: Annotated[list[str] | None, Parameter(negative="")] = None,
    automatic: float = 0.99,
    queue: float = 0.9,
    families: bool = True,
    to: Path | None = None,
    limit: int = 20,
    json: Annotated[bool, Parameter(negative="", help="Print JSON for scripts.")] = False,
) -> None:
    """Find records of a CSV file that are one person, by names, birthdays, places, e-mail and phone; needs `allears[link]`.

    Parameters
    ----------
    file
        CSV with any of first_name, surname, name, date_of_birth, address, postcode, city, email, phone, national_id.
    evaluate
        CSV of labels (record and person, or left, right and match): prints precision, recall and F1.
    column
        FIELD=COLUMN where a column's name does not say what it holds, such as given=Vorname.
    automatic
        Joined from this chance on.
    queue
        Shown for a person to decide from this chance on.
    families
        A given name, birthday or number that differs outright is for a person to decide, whatever else agrees.
    to
        Write each record's person to this CSV.
    limit
        Pairs to print.
    """
    from allears.journey.linking import evaluate_file, link_file
    from allears.know.link import Thresholds

    found = link_file(
        file,
        today=datetime.now(UTC).date(),
        columns=dict(_assigned(word) for word in column or ()),
        thresholds=Thresholds(automatic, queue, families),
    )
    judged = evaluate_file(found, evaluate) if evaluate else None
    if to is not None:
        _write(found, to)
    if json:
        whole = {**found.summary(), "pairs": found.pairs(), "clusters": found.people()}
        show.as_json({**whole, "evaluation": judged} if judged else whole)
        return
    _print(found, limit)
    if judged is not None:
        _judge(judged)


def _assigned(word: str) -> tuple[str, str]:
    field, equals, column = word.partition("=")
    if not equals or not field or not column:
        raise Refused("expected FIELD=COLUMN", place="--column")
    return field, column


def _print(found: FileLinked, limit: int) -> None:
    counts = found.summary()
    read = ", ".join(f"{column} as {field}" for field, column in counts["columns"].items())
    show.out.print(f"read {read}", style="dim")
    show.out.print(
        f"{counts['records']:,} records are {counts['people']:,} people: {counts['automatic']:,} pairs joined, "
        f"{counts['queue']:,} for you to decide; {counts['compared']:,} pairs compared at most"
    )
    rows = [
        {
            "left": pair["left"],
            "right": pair["right"],
            "chance": f"{100 * pair['probability']:.1f} %",
            "decision": pair["decision"],
            "why": words(pair["why"]),
        }
        for pair in found.pairs(limit)
    ]
    show.rows(
        rows, ("left", "right", "chance", "decision", "why"), empty="no two records look like one person"
    )


def words(why: list[dict[str, Any]]) -> str:
    """Say in one line what each field adds, the most telling first."""
    told = [w for w in why[1:] if w["bits"]]
    told.sort(key=lambda w: -abs(w["bits"]))
    return "; ".join(f"{w['field']} {w['found']} {w['bits']:+.1f}" for w in told)


def _judge(judged: dict[str, Any]) -> None:
    rows = [{"of": part, **judged[part]} for part in ("pairs", "clusters") if part in judged]
    shown = [{k: f"{v:.3f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    show.rows(shown, ("of", "precision", "recall", "f1", "n"), title="beside the labels")
    if "over_merged" in judged:
        show.out.print(f"{100 * judged['over_merged']:.1f} % of the people found are more than one")


def _write(found: FileLinked, to: Path) -> None:
    if not to.parent.is_dir():
        raise NotFound("no such folder", place=str(to.parent))
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("record", "person"))
        writer.writeheader()
        writer.writerows(found.people())
