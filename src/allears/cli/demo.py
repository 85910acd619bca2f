"""``allears demo``: a simulated retailer with planted incidents; what was found, beside what was planted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from allears.cli import show
from allears.cli.numbers import Customers, Days, Named, Port
from allears.errors import Refused
from allears.settings import FILE

FOLDER = Path("allears-demo")
BATCH = 25_000


def demo(
    *,
    seed: Annotated[Named, Parameter(help="Which simulated company.")] = 1,
    days: Annotated[Days, Parameter(help="How many days of it; at least 60.")] = 90,
    customers: Annotated[Customers, Parameter(help="How many customers; at least 500.")] = 20_000,
    serve: Annotated[bool, Parameter(help="Open the pages afterwards.")] = True,
    port: Port = 8765,
    directory: Annotated[
        Path, Parameter(help="Where to make the space; a demo that is there already is made anew.")
    ] = FOLDER,
    json: Annotated[bool, Parameter(negative="", help="Print JSON for scripts.")] = False,
) -> None:
    """Simulate a retailer, listen to it, and show what was found beside what was planted."""
    if days < 60:
        raise Refused(
            "expected at least 60 days: four weeks to learn what is normal, then something to find",
            place="--days",
        )
    if customers < 500:
        raise Refused("expected at least 500 customers", place="--customers")
    _clear(directory)
    from allears.testing.life import live_through

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=show.err,
        disable=json,
    )
    with bar:
        outcome, space = live_through(
            directory, seed=seed, days=days, customers=customers, progress=_progress(bar)
        )
    try:
        if json:
            show.as_json(outcome)
        else:
            _tell(outcome)
    finally:
        space.close()
    if serve and not json:
        from allears.cli.app import run

        run(["serve", "--space", str(directory), "--port", str(port), "--open"])


def _progress(bar: Progress) -> Callable[[str, float, str], None]:
    tasks: dict[str, Any] = {}
    started = time.monotonic()

    def progress(step: str, share: float, note: str) -> None:
        if step not in tasks:
            tasks[step] = bar.add_task(step, total=1.0, rate="")
        bar.update(tasks[step], completed=share, rate=note or f"{time.monotonic() - started:.0f} s")

    return progress


def _clear(directory: Path) -> None:
    if not directory.exists():
        return
    if any(directory.iterdir()) and not ((directory / FILE).is_file() and (directory / ".demo").is_file()):
        raise Refused("that folder holds something else than a demo", place="--directory")
    shutil.rmtree(directory)


def _tell(outcome: dict[str, Any]) -> None:
    show.out.print(
        f"[bold]A simulated retailer[/] (seed {outcome['seed']}): {outcome['signals']:,} signals, {outcome['messages']:,} of them messages, "
        f"in {outcome['seconds']:.0f} s"
    )
    found = {f["planted"]: f for f in outcome["found"]}
    rows = []
    for planted in outcome["planted"]:
        hit = found.get(planted["name"])
        rows.append(
            {
                "planted": planted["name"],
                "kind": planted["kind"],
                "began": planted["began_at"],
                "found as": hit["title"]
                if hit
                else ("not raised" if planted["kind"] == "decoy" else "missed"),
                "hours before the peak": round(hit["lead_hours"], 1) if hit else None,
            }
        )
    show.rows(rows, title="what was planted, and what was found")
    said = [
        {"issue": v["planted"], "Allears says": v["said"], "the truth": v["truth"]}
        for v in outcome["verdicts"]
    ]
    show.rows(said, title="after each fix: was trust regained?", empty="no verdict")
    identity, redaction = outcome["identity"], outcome["redaction"]
    show.out.print(
        f"false alarms a week {outcome['false_alarms_per_week']:.2f} · decoys raised {len(outcome['decoys_raised'])} · "
        f"identity precision {identity['precision']:.3f}, recall {identity['recall']:.3f} · redaction recall {redaction['recall']:.3f}"
    )
