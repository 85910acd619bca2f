"""Segments of customers: count, explain, who entered and left, switch on."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.numbers import Most
from allears.cli.where import HERE, Where

segments = App(
    name="segments", help="Segments of customers: typed conditions, counted; who entered and who left."
)
COLUMNS = ("name", "customers", "entered", "left", "purpose", "relationship", "says", "problem")


@segments.default
def list_segments(*, where: Where = HERE) -> None:
    """Count every segment anew and list them: who is in it now, and who entered and left within a week."""
    with where.open() as space:
        space.count_segments()
        found = space.segments()
        if where.json:
            show.as_json(found)
            return
        on, others = [s for s in found if s["on"]], [s["name"] for s in found if not s["on"]]
        columns = COLUMNS if any(s["problem"] for s in on) else COLUMNS[:-1]
        show.rows(on, columns, empty="no segment is on here")
        if others:
            show.out.print(
                f"ready to switch on: {', '.join(others)}; `allears segments explain NAME`, `allears segments on NAME`"
            )


@segments.command
def explain(name: str, /, *, where: Where = HERE) -> None:
    """Say in words who belongs to a segment."""
    with where.open() as space:
        text = space.explain_segment(name)
        show.as_json({"name": name, "explained": text}) if where.json else show.out.print(text, markup=False)


@segments.command
def members(
    name: str,
    /,
    *,
    limit: Annotated[Most, Parameter(help="Most to show.")] = 50,
    where: Where = HERE,
) -> None:
    """Count a segment anew and list who is in it."""
    with where.open() as space:
        space.count_segments()
        found = space.segment_members(name)
        if where.json:
            show.as_json(found)
            return
        show.rows([{"customer": one} for one in found[:limit]], empty="nobody is in it now")
        if len(found) > limit:
            show.out.print(f"and {len(found) - limit:,} more: --limit, or --json for all")


@segments.command
def moments(name: str, /, *, where: Where = HERE) -> None:
    """List who entered and left a segment, newest first."""
    with where.open() as space:
        found = space.segment(name)["moments"]
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found, ("at", "what", "customer"), empty="nobody entered or left since it was first counted"
            )


@segments.command
def on(name: str, /, *, where: Where = HERE) -> None:
    """Switch a segment on: it is copied into the space, where it may be edited."""
    with where.open() as space:
        path = space.segment_on(name)
        show.as_json({"on": name, "file": str(path)}) if where.json else show.out.print(f"on; it is {path}")


@segments.command
def off(name: str, /, *, where: Where = HERE) -> None:
    """Take a segment out of the space."""
    with where.open() as space:
        space.segment_off(name)
        show.as_json({"off": name}) if where.json else show.out.print(f"{name} is off")
