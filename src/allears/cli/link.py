"""Link: records that are probably one person."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.numbers import Beside, Named, Share
from allears.cli.people import Why
from allears.cli.where import HERE, Where
from allears.errors import Refused

if TYPE_CHECKING:
    from allears.journey.linking import FileLinked
    from allears.settings import EngineSettings


link = App(
    name="link",
    help="Records or customers that are probably one person, by names, birthdays, places, e-mail and phone; needs `allears[link]`.",
)


@link.default
def look(
    file: Path | None = None,
    /,
    *,
    evaluate: Path | None = None,
    hold_out: str | None = None,
    column: Annotated[list[str] | None, Parameter(negative="")] = None,
    automatic: Share = 0.99,
    unsure: Share = 0.9,
    families: bool = True,
    engine: str | None = None,
    to: Path | None = None,
    limit: Beside = 20,
    queue: Annotated[bool, Parameter(negative="")] = False,
    relearn: Annotated[bool, Parameter(negative="")] = False,
    where: Where = HERE,
) -> None:
    """Find records of a file that are one person; without a file, customers of the space that are.

    Parameters
    ----------
    file
        CSV or Parquet with any of first_name, surname, name, date_of_birth, address, postcode, city, email, phone, national_id.
    evaluate
        CSV of labels (record and person, or left, right and match): prints precision, recall and F1.
    hold_out
        Estimates recall without labels: hides `email`, `phone` or `number`, and tells how many of those who share one are found by the rest.
    column
        FIELD=COLUMN where a column's name does not say what it holds, such as given=Vorname.
    automatic
        Joined from this chance on.
    unsure
        Shown for a person to decide from this chance on.
    families
        A given name, birthday or number that differs outright is for a person to decide, whatever else agrees.
    engine
        Where pairs of the file are compared: `duckdb` (this machine), `spark://HOST:PORT` or `local[N]`, or `space`, the engine of the space.
    to
        Write each record's person to this CSV; it must not exist yet.
    limit
        Pairs to print.
    queue
        List the pairs of the space that wait to be decided; `allears link accept` and `refuse` decide them.
    relearn
        Learn the space's weights anew, and compare all its customers again.
    """
    if file is None:
        if evaluate is not None or to is not None or column or hold_out or engine:
            raise Refused(
                "expected a FILE: these options are for files",
                place="--evaluate, --hold-out, --engine, --to, --column",
            )
        _space(where, queue, relearn, limit)
        return
    from allears.journey.linking import evaluate_file, hold_out_file, link_file
    from allears.know.link import Thresholds

    if to is not None:
        _free(to)
    today, columns = datetime.now(UTC).date(), dict(_assigned(word) for word in column or ())
    thresholds = Thresholds(automatic, unsure, families)
    asked = _engine(engine, where)
    found = link_file(file, today=today, columns=columns, thresholds=thresholds, engine=asked)
    held = (
        hold_out_file(file, hold_out, today=today, columns=columns, thresholds=thresholds)
        if hold_out
        else None
    )
    judged = evaluate_file(found, evaluate) if evaluate else None
    if to is not None:
        _write(found, to)
    if where.json:
        whole = {**found.summary(), "pairs": found.pairs(), "clusters": found.people()}
        whole |= {"evaluation": judged} if judged else {}
        show.as_json(whole | ({"held_out": held} if held else {}))
        return
    _print(found, limit)
    if judged is not None:
        _judge(judged)
    if held is not None:
        _recalled(held)


def _engine(word: str | None, where: Where) -> EngineSettings | None:
    from allears.settings import EngineSettings, read_settings

    if word == "space":
        settings = read_settings(where.folder())
        return settings.engine
    try:
        return msgspec.convert({"url": word}, EngineSettings) if word is not None else None
    except msgspec.ValidationError:
        raise Refused("expected duckdb, spark://HOST:PORT, local[N] or space", place="--engine") from None


def _assigned(word: str) -> tuple[str, str]:
    field, equals, column = word.partition("=")
    if not equals or not field or not column:
        raise Refused("expected FIELD=COLUMN", place="--column")
    return field, column


def _print(found: FileLinked, limit: int) -> None:
    from allears.know.link.decide import SORTS

    counts = found.summary()
    read = ", ".join(f"{column} as {field}" for field, column in counts["columns"].items())
    show.out.print(f"read {read}", style="dim")
    if counts["unread"]:
        show.out.print(
            f"not read, for want of a known name (--column): {', '.join(counts['unread'])}", style="dim"
        )
    if counts["not_an_id"]:
        show.out.print(
            f"records are told by their place: record {counts['not_an_id']:,} has no id, or an earlier one's"
        )
    sorts = {SORTS[field] for field in counts["columns"] if field in SORTS}
    if len(sorts) == 1:
        show.out.print(f"only {sorts.pop()} can be compared: by one thing alone nobody is joined")
    show.out.print(
        f"{counts['records']:,} records are {counts['people']:,} people: {counts['automatic']:,} pairs joined, "
        f"{counts['queue']:,} for you to decide; {counts['compared']:,} pairs compared at most"
    )
    _say_left_out(counts["not_compared"])
    if counts["records"] > 1 and not found.linked.first.any():
        show.out.print(
            "all records say the very same: they are one, or nothing was filled in; weights need records that differ"
        )
    rows = [
        {
            "left": pair["left"],
            "right": pair["right"] + (f" and {pair['equal']:,} equal to both" if pair["equal"] else ""),
            "chance": f"{100 * pair['probability']:.1f} %",
            "decision": pair["decision"],
            "why": words(pair["why"]),
        }
        for pair in found.different_pairs(limit)
    ]
    if rows or not (counts["automatic"] or counts["queue"]):
        show.rows(
            rows, ("left", "right", "chance", "decision", "why"), empty="no two records look like one person"
        )


def _say_left_out(left_out: dict[str, Any]) -> None:
    if left_out["records"]:
        shared = "; ".join(f"{key}: {count:,}" for key, count in list(left_out["too_common"].items())[:5])
        show.out.print(
            f"{left_out['records']:,} records were compared with nobody: what they share with others, too many share ({shared})"
        )


def _space(where: Where, queue: bool, relearn: bool, limit: int) -> None:
    with where.open() as space:
        if queue:
            found = space.link_queue(limit=limit)
            show.as_json(found) if where.json else _list(found)
            return
        counts = space.link(relearn=relearn)
        if where.json:
            show.as_json(counts)
            return
        show.out.print(
            f"{counts['customers']:,} customers told something, {counts['new']:,} of them compared: {counts['joined']:,} pairs joined, "
            f"{counts['waiting']:,} wait for you (allears link --queue), {counts['forbidden']:,} kept apart by a limit"
        )
        if counts["not_compared"]:
            show.out.print(
                f"{counts['not_compared']:,} of them were compared with nobody: what they share with others, too many share"
            )


def _list(found: list[dict[str, Any]]) -> None:
    rows = [{**row, "chance": f"{100 * row['probability']:.1f} %", "why": words(row["why"])} for row in found]
    show.rows(rows, ("pair", "left", "right", "chance", "why"), empty="no pair waits to be decided")


@link.command(name="show")
def show_pair(pair: Named, /, *, where: Where = HERE) -> None:
    """Show one pair: what each field adds, and who would become one.

    Parameters
    ----------
    pair
        Its number in the queue.
    """
    with where.open() as space:
        found = space.link_pair(pair)
        if where.json:
            show.as_json(found)
            return
        sum_bits, rows = 0.0, []
        for part in found["why"]:
            sum_bits += part["bits"]
            rows.append(
                {
                    "field": part["field"],
                    "found": part["found"],
                    "bits": f"{part['bits']:+.1f}",
                    "sum": f"{sum_bits:+.1f}",
                }
            )
        show.rows(
            rows,
            ("field", "found", "bits", "sum"),
            title=f"pair {pair}: {100 * found['probability']:.2f} %, {found['state']}",
        )
        show.rows(
            found["customers"],
            ("customer", "relationship", "identifiers", "signals", "known_since"),
            title="who they are",
        )
        show.out.print(found["outcome"])


@link.command
def accept(pair: Named, /, *, why: Why, where: Where = HERE) -> None:
    """Say that a pair is one person: the two become one customer. `allears unmerge` takes it back exactly.

    Parameters
    ----------
    pair
        Its number in the queue.
    """
    with where.open() as space:
        done = space.settle_link(pair, same=True, why=why)
        show.as_json(done) if where.json else show.out.print(
            f"one customer now: {done['customer']}; to take it back: allears unmerge {done['act']}"
        )


@link.command
def refuse(pair: Named, /, *, why: Why, where: Where = HERE) -> None:
    """Say that a pair is two people: they part if linking joined them, and nothing joins them from then on. `allears unmerge` takes it back.

    Parameters
    ----------
    pair
        Its number in the queue.
    """
    with where.open() as space:
        done = space.settle_link(pair, same=False, why=why)
        if where.json:
            show.as_json(done)
        elif done["act"]:
            show.out.print(f"pair {pair} stays two customers; to take it back: allears unmerge {done['act']}")
        else:
            show.out.print(
                f"pair {pair} is refused, and still one customer by other links: part an identifier with allears part"
            )


link.command(refuse, name="cut")


def words(why: list[dict[str, Any]]) -> str:
    """Say in one line what each field adds, the most telling first."""
    told = [w for w in why[1:] if w["bits"]]
    told.sort(key=lambda w: -abs(w["bits"]))
    return "; ".join(f"{w['field']} {w['found']} {w['bits']:+.1f}" for w in told)


def _judge(judged: dict[str, Any]) -> None:
    rows = [
        {
            "of": part,
            **{name: _shown(judged[part][name], judged[part].get("intervals", {}).get(name)) for name in ("precision", "recall", "f1")},
            "n": judged[part]["n"],
        }
        for part in ("pairs", "clusters")
        if part in judged
    ]  # fmt: skip
    show.rows(rows, ("of", "precision", "recall", "f1", "n"), title="beside the labels, 95 % intervals")
    if not judged["pairs"]["n"]:
        show.out.print("the labels hold no true pair: how many are found they cannot tell")
    if "over_merged" in judged:
        share = _shown(judged["over_merged"], judged["over_merged_interval"])
        show.out.print(f"{share} of the people found are more than one")


def _recalled(held: dict[str, Any]) -> None:
    rows = [{"group": "all", **held["recall"]}, *held["groups"]]
    shown = [
        {
            "group": row["group"],
            "found": _shown(row["estimate"], [row["low"], row["high"]]),
            "pairs": row["n"],
            "people": row["units"],
        }
        for row in rows
    ]
    show.rows(
        shown,
        ("group", "found", "pairs", "people"),
        title=f"recall without {held['field']} among those who share one, 95 % intervals",
    )


def _shown(share: float, interval: list[float] | None) -> str:
    return f"{share:.3f} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "nothing to tell"


def _free(to: Path) -> None:
    """Refuse, before anything is compared, to write where nothing can be written, or over a file."""
    if not to.parent.is_dir():
        raise Refused("no such folder", place="--to")
    if to.exists():
        raise Refused("there is a file already", place="--to")


def _write(found: FileLinked, to: Path) -> None:
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("record", "person"))
        writer.writeheader()
        writer.writerows(found.people())
