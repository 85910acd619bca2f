"""Charts of the brief as SVG: drawn here, so that the page needs no script and prints sharply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from allears.show.palette import BLUE, GREY, ORANGE, QUIET, SERIES
from allears.show.words import channel

Row = Mapping[str, Any]
Spec = dict[str, Any]

WIDTH = 640
LOOK: Spec = {
    "font": "Roboto, Segoe UI, Helvetica, Arial, sans-serif",
    "background": "white",
    "view": {"stroke": None},
    "axis": {"labelColor": QUIET, "titleColor": QUIET, "titleFontWeight": "normal", "gridColor": "#e6e8ec", "domainColor": "#c8cdd4", "tickColor": "#c8cdd4",
             "labelFontSize": 11, "titleFontSize": 11},
    "legend": {"labelColor": QUIET, "title": None, "orient": "top", "labelFontSize": 11, "symbolType": "square"},
}  # fmt: skip


def svg(chart: Any, width: int = WIDTH, height: int = 170) -> str:
    """Draw an Altair chart."""
    import vl_convert

    spec = chart.properties(width=width, height=height).configure(**LOOK).to_dict()
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn


def trust_chart(rows: Sequence[Row]) -> str:
    """Draw an index over time with its interval as a band."""
    import altair as alt

    data = _data(rows, "time", "estimate", "low", "high")
    weeks = [_ms(r["time"]) for r in rows]
    x = alt.X(
        "time:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%-d %b", grid=False, values=weeks, labelOverlap=True),
    )
    y = alt.Y("low:Q", title="index, 0 to 100", scale=alt.Scale(zero=False))
    base = alt.Chart(data).encode(x=x)
    return svg(
        base.mark_area(opacity=0.2, color=BLUE).encode(y=y, y2="high:Q")
        + base.mark_line(color=BLUE, strokeWidth=2).encode(y="estimate:Q")
        + base.mark_circle(color=BLUE, size=34, opacity=1).encode(y="estimate:Q")
    )


def volume_chart(rows: Sequence[Row], most: int = 5) -> str:
    """Draw signals a day, stacked by channel."""
    import altair as alt

    size: dict[str, int] = {}
    for row in rows:
        size[row["group"]] = size.get(row["group"], 0) + row["signals"]
    largest = sorted(size, key=lambda g: (-size[g], g))[:most]
    names = [channel(g) for g in largest] + (["others"] if len(size) > most else [])
    listed = [
        {
            "time": _ms(r["time"]),
            "channel": channel(r["group"]) if r["group"] in largest else "others",
            "signals": r["signals"],
        }
        for r in rows
    ]
    chart = (
        alt.Chart(alt.Data(values=listed))
        .mark_bar()
        .encode(
            x=alt.X(
                "utcyearmonthdate(time):T",
                title=None,
                axis=alt.Axis(format="%-d %b", grid=False, tickCount=8),
            ),
            y=alt.Y("sum(signals):Q", title="signals a day"),
            color=alt.Color(
                "channel:N", sort=names, scale=alt.Scale(domain=names, range=list(SERIES[: len(names)]))
            ),
            order=alt.Order("channel:N"),
        )
    )
    return svg(chart)


def forecast_chart(rows: Sequence[Row]) -> str:
    """Draw expected messages a day with their interval."""
    import altair as alt

    data = _data(rows, "time", "mid", "low", "high")
    x = alt.X(
        "utcyearmonthdate(time):T", title=None, axis=alt.Axis(format="%a %-d %b", grid=False, tickCount=7)
    )
    base = alt.Chart(data).encode(x=x)
    return svg(
        base.mark_area(opacity=0.2, color=ORANGE).encode(
            y=alt.Y("low:Q", title="messages a day"), y2="high:Q"
        )
        + base.mark_line(color=ORANGE, strokeWidth=2).encode(y="mid:Q"),
        height=140,
    )


def forest_chart(rows: Sequence[Row], unit: str, reference: float) -> str:
    """Draw estimates one under the other, each with its interval."""
    import altair as alt

    data = _data(rows, "label", "estimate", "low", "high")
    labels = [r["label"] for r in rows]
    y = alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=220))
    base = alt.Chart(data).encode(y=y)
    rule = (
        alt.Chart(alt.Data(values=[{"at": reference}]))
        .mark_rule(color=GREY, strokeDash=[4, 3])
        .encode(x="at:Q")
    )
    return svg(
        rule
        + base.mark_bar(height=7, opacity=0.3, color=BLUE, cornerRadius=3).encode(
            x=alt.X("low:Q", title=unit, scale=alt.Scale(zero=False)), x2="high:Q"
        )
        + base.mark_circle(color=BLUE, size=60, opacity=1).encode(x="estimate:Q"),
        width=WIDTH - 180,
        height=24 * max(len(rows), 2),
    )


def _data(rows: Sequence[Row], *names: str) -> Any:
    import altair as alt

    return alt.Data(
        values=[{n: _ms(r[n]) if isinstance(r[n], datetime) else r[n] for n in names} for r in rows]
    )


def _ms(moment: datetime) -> int:
    # Numbers, not texts: a text would be read in the zone of the machine that draws.
    return int(moment.timestamp() * 1000)
