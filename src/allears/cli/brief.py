"""``allears brief``: the week on one page that needs nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused


def brief(
    *,
    out: Annotated[Path, Parameter(help="The HTML file to write.")] = Path("brief.html"),
    week: Annotated[
        str | None, Parameter(help="Last day of the week, YYYY-MM-DD; default: up to the newest signal.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Write the brief of a week: what changed, who is hit, what is done, trust, and what can not be told."""
    from allears.journey import briefing
    from allears.show import write_brief

    with where.open() as space:
        told = briefing.brief(space.ground, space.permit("analytics"), _day(week))
        html = write_brief(told)
    out.write_text(html, "utf-8")
    if where.json:
        show.as_json(
            {
                "file": str(out),
                "bytes": len(html.encode()),
                "start": told["start"],
                "end": told["end"],
                "issues": len(told["issues"]),
            }
        )
    else:
        show.out.print(
            f"wrote {out}: the week from {told['start']:%Y-%m-%d} to {told['end']:%Y-%m-%d}, {len(html.encode()) / 1024:.0f} KB",
            highlight=False,
        )


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Refused("expected a day as YYYY-MM-DD", place="--week") from None
