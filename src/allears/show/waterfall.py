"""What adds up to a decision: one bar per reason, each beginning where the last one ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allears.show.axes import FONT, Options
from allears.show.palette import BLUE, GREEN, GRID, INK, ORANGE, QUIET, SURFACE

Row = Mapping[str, Any]


def waterfall(
    rows: Sequence[Row], *, unit: str, together: str, marks: Sequence[tuple[float, str]] = ()
) -> Options:
    """Bars from top to bottom, what speaks for it to the right, what speaks against it to the left, and the sum last.

    Parameters
    ----------
    rows
        ``label``, ``value`` and ``tip``, in the order in which they add up.
    unit
        What the x axis counts.
    together
        How the sum is called.
    marks
        Where on the axis something changes, with a word each.

    Examples
    --------
    >>> drawn = waterfall([{"label": "a", "value": -2.0, "tip": ""}, {"label": "b", "value": 5.0, "tip": ""}], unit="", together="sum")
    >>> [[one["value"] for one in series["data"]] for series in drawn["series"]]
    [[0, 0, 0], [0, 3.0, 3.0], [-2.0, -2.0, 0]]
    """
    steps, at = [], 0.0
    for row in rows:
        steps.append(
            (row["label"], at, at + row["value"], GREEN if row["value"] >= 0 else ORANGE, row["tip"])
        )
        at += row["value"]
    steps.append((together, 0.0, at, BLUE, f"{together}: {at:+.1f}"))
    # What hides, what lies right of nothing, what lies left of it; a bar across nothing is drawn as two.
    parts: tuple[list[Options], ...] = ([], [], [])
    for _, start, end, colour, tip in steps:
        low, high = min(start, end), max(start, end)
        hidden = low if low > 0 else min(high, 0)
        values = (hidden, max(high, 0) - max(low, 0), min(low, 0) - min(high, 0))
        for part, value in zip(parts, values, strict=True):
            part.append({"value": round(value, 4) or 0, "name": tip, "itemStyle": {"color": colour}})
    for one in parts[0]:
        one["itemStyle"] = {"color": "transparent"}
    line = {
        "silent": True, "symbol": "none", "lineStyle": {"color": QUIET, "type": "dashed"},
        "data": [{"xAxis": place, "label": {"formatter": word, "color": QUIET, "position": "end"}} for place, word in marks],
    }  # fmt: skip
    series: list[Options] = [
        {"type": "bar", "stack": "steps", "data": part, "barWidth": "62%", "silent": place == 0}
        for place, part in enumerate(parts)
    ]
    series[0]["markLine"] = line
    return {
        "animation": False, "textStyle": {"fontFamily": FONT, "color": QUIET},
        "grid": {"left": 8, "right": 22, "top": 26 if marks else 8, "bottom": 30, "containLabel": True},
        "tooltip": {
            "trigger": "item", "renderMode": "richText", "confine": True, "backgroundColor": SURFACE, "borderColor": GRID, "borderWidth": 1,
            "textStyle": {"color": INK, "fontSize": 12}, ":formatter": "p => p.name",
        },
        "xAxis": {
            "type": "value", "name": unit, "nameLocation": "middle", "nameGap": 26, "nameTextStyle": {"color": QUIET},
            "axisLabel": {"color": QUIET}, "splitLine": {"lineStyle": {"color": GRID}},
        },
        "yAxis": {
            "type": "category", "inverse": True, "data": [step[0] for step in steps], "axisTick": {"show": False}, "axisLine": {"show": False},
            "axisLabel": {"color": INK, "fontSize": 12.5, "width": 150, "overflow": "truncate"},
        },
        "series": series,
    }  # fmt: skip
