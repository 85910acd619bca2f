"""Figures as ECharts options: plain dictionaries, built from rows, drawn by whoever has ECharts.

Tooltips are rich text, never HTML, so that no text a customer wrote can be markup in them. Colours of ink and grid are
tokens that the pages' style sheet replaces in the dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from allears.show.axes import FEW, Options, Row, base, ms, plain, time_axis, tooltip, value_axis
from allears.show.palette import BAD, BLUE, GREEN, GREY, GRID, INK, ORANGE, QUIET, SERIES
from allears.show.words import interval, number


def band(
    lines: Mapping[str, Sequence[Row]],
    *,
    unit: str,
    colours: Mapping[str, str],
    bands: Sequence[str] | None = None,
    marks: Sequence[tuple[datetime, str]] = (),
    digits: int = 0,
    low: float | None = None,
    high: float | None = None,
) -> Options:
    """Lines over time with their intervals as bands.

    Parameters
    ----------
    lines
        Name -> rows with ``time``, ``estimate``, ``low``, ``high``, ``n``, oldest first.
    unit
        What the y axis counts.
    bands
        Which lines show their interval; all by default.
    marks
        Moments to mark, with a word each.
    """
    series: list[Options] = []
    for name, rows in lines.items():
        shown = bands is None or name in bands
        if shown:
            series += _band_of(name, rows, colours[name])
        series.append(
            _line(name, rows, colours[name], width=2.5 if shown else 1.5, dashed=not shown, digits=digits)
        )
    if marks and series:
        series[-1]["markLine"] = _marks(marks)
    axis: Options = {"type": "value", "name": unit, "scale": True, **value_axis()}
    axis |= {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    return base(legend=list(lines) if len(lines) > 1 else []) | {
        "xAxis": {
            "type": "time",
            **time_axis(sorted({ms(r["time"]) for rows in lines.values() for r in rows})),
        },
        "yAxis": axis,
        "series": series,
    }


def stacked(
    rows: Sequence[Row], *, unit: str, names: Mapping[str, str] | None = None, most: int = 5
) -> Options:
    """Columns over time, stacked by group; groups beyond the largest share one colour.

    Parameters
    ----------
    rows
        ``time``, ``group``, ``signals``.
    names
        How groups are called.
    """
    size: dict[str, int] = {}
    for row in rows:
        size[row["group"]] = size.get(row["group"], 0) + row["signals"]
    largest = sorted(size, key=lambda g: (-size[g], g))[:most]
    times = sorted({row["time"] for row in rows})
    place = {moment: i for i, moment in enumerate(times)}
    groups = [*largest, *(["others"] if len(size) > most else [])]
    counts = {group: [0] * len(times) for group in groups}
    for row in rows:
        counts[row["group"] if row["group"] in largest else "others"][place[row["time"]]] += row["signals"]
    called = {g: (names or {}).get(g, g or "not told") for g in groups}
    return base(legend=[called[g] for g in groups] if len(groups) > 1 else []) | {
        "xAxis": {"type": "time", **time_axis()},
        "yAxis": {"type": "value", "name": unit, **value_axis()},
        "series": [
            {
                "type": "bar", "stack": "all", "name": called[g], "barMaxWidth": 26, "barCategoryGap": "20%", "itemStyle": {"color": SERIES[i]},
                "data": [[ms(t), n] for t, n in zip(times, counts[g], strict=True)], "emphasis": {"disabled": True},
            }
            for i, g in enumerate(groups)
        ],
    }  # fmt: skip


def outbreak(
    counts: Sequence[tuple[datetime, int]],
    expected: float | None,
    marks: Sequence[tuple[datetime, str]],
    unit: str,
) -> Options:
    """Signals of an issue over time, beside what was expected, with what happened when."""
    series: Options = {
        "type": "bar", "name": unit, "barMaxWidth": 22, "itemStyle": {"color": ORANGE},
        "data": [[ms(t), n] for t, n in counts], "emphasis": {"disabled": True}, "markLine": _marks(marks),
    }  # fmt: skip
    if expected is not None:
        series["markLine"]["data"].append(
            {
                "yAxis": round(expected, 2),
                "name": "expected",
                "lineStyle": {"color": BLUE, "type": "solid", "width": 2},
                "label": {
                    "formatter": f"expected {number(expected, 1)}",
                    "position": "insideEndTop",
                    "color": QUIET,
                },
            }
        )
    return base() | {
        "grid": {"left": 8, "right": 12, "top": 50, "bottom": 10, "containLabel": True},
        "xAxis": {"type": "time", **time_axis()},
        "yAxis": {"type": "value", "minInterval": 1, **value_axis()},
        "series": [series],
    }


def forest(
    rows: Sequence[Row], *, unit: str, reference: float | None = 0.0, digits: int = 0, signed: bool = False
) -> Options:
    """Estimates one under the other, each with its interval as a bar: what can be told apart is seen at once.

    Parameters
    ----------
    rows
        ``label``, ``estimate``, ``low``, ``high``, ``n``; first row on top. ``target`` marks each row's own aim.
    reference
        Where "nothing" lies.
    signed
        Colour rows by whether their interval lies above or below the reference.
    """
    listed = list(reversed(rows))
    data = []
    for place, row in enumerate(listed):
        tone = _tone(row, reference) if signed else BLUE
        tip = f"{row['label']}\n{number(row['estimate'], digits)} ({interval(row, digits)}), n {row['n']:,}"
        data.append(
            {
                "value": [row["estimate"], place, row["low"], row["high"], row.get("target")],
                "itemStyle": {"color": tone},
                "name": tip,
            }
        )
    mark = [] if reference is None else [{"xAxis": reference}]
    return base() | {
        "grid": {"left": 8, "right": 18, "top": 8, "bottom": 30, "containLabel": True},
        "tooltip": tooltip("item") | {":formatter": "p => p.name"},
        "xAxis": {"type": "value", "name": unit, "nameLocation": "middle", "nameGap": 26, "scale": True, **value_axis(label=True)},
        "yAxis": {
            "type": "category", "data": [r["label"] for r in listed], "axisTick": {"show": False}, "axisLine": {"show": False},
            "axisLabel": {"color": INK, "fontSize": 12.5, "width": 170, "overflow": "truncate"},
        },
        "series": [
            {
                "type": "custom", ":renderItem": FOREST, "data": data, "encode": {"x": [0, 2, 3], "y": 1},
                "markLine": {"silent": True, "symbol": "none", "label": {"show": False}, "data": mark, "lineStyle": {"color": QUIET, "type": "dashed"}},
            }
        ],
    }  # fmt: skip


def spans(rows: Sequence[Row], *, end: datetime) -> Options:
    """Bars from start to end, one a row: when each issue lived.

    Parameters
    ----------
    rows
        ``label``, ``start``, ``end`` (``None``: still open), ``noticed``, ``tone`` (``bad``, ``good`` or ``quiet``), ``tip``.
    """
    tones = {"bad": ORANGE, "good": GREEN, "quiet": GREY}
    listed = list(reversed(rows))
    data = [
        {
            "value": [ms(r["start"]), place, ms(r["end"] or end), ms(r["noticed"])],
            "itemStyle": {"color": tones[r["tone"]]},
            "name": r["tip"],
        }
        for place, r in enumerate(listed)
    ]
    return base() | {
        "grid": {"left": 8, "right": 18, "top": 6, "bottom": 10, "containLabel": True},
        "tooltip": tooltip("item") | {":formatter": "p => p.name"},
        "xAxis": {"type": "time", "max": ms(end), **time_axis()},
        "yAxis": {
            "type": "category", "data": [r["label"] for r in listed], "axisTick": {"show": False}, "axisLine": {"show": False},
            "axisLabel": {"color": INK, "fontSize": 12.5, "width": 220, "overflow": "truncate"},
        },
        "series": [{"type": "custom", ":renderItem": SPANS, "data": data, "encode": {"x": [0, 2], "y": 1}}],
    }  # fmt: skip


def spark(values: Sequence[float], colour: str = BLUE) -> Options:
    """Draw a line without axes, for a card."""
    return {
        "animation": False,
        "grid": {"left": 1, "right": 5, "top": 4, "bottom": 3},
        "xAxis": {"type": "category", "show": False, "boundaryGap": False},
        "yAxis": {"type": "value", "show": False, "scale": True},
        "tooltip": {"show": False},
        "series": [
            {
                "type": "line", "data": [*values[:-1], {"value": values[-1], "symbol": "circle", "symbolSize": 7}] if values else [],
                "symbol": "none", "showSymbol": True, "silent": True, "lineStyle": {"color": colour, "width": 2},
                "itemStyle": {"color": colour}, "areaStyle": {"color": colour, "opacity": 0.1},
            }
        ],
    }  # fmt: skip


def free(rows: Sequence[Row], *, kind: str, x: str, y: str) -> Options:
    """Draw any two columns: a line over time, columns, or dots."""
    over_time = bool(rows) and isinstance(rows[0].get(x), datetime)
    numeric = bool(rows) and isinstance(rows[0].get(x), int | float) and not isinstance(rows[0].get(x), bool)
    points = [[plain(r.get(x)), plain(r.get(y))] for r in rows]
    axis_kind = "time" if over_time else "value" if numeric and kind == "dots" else "category"
    series: Options = {
        "type": {"line": "line", "columns": "bar", "dots": "scatter"}[kind],
        "data": points,
        "itemStyle": {"color": BLUE},
    }
    if kind == "line":
        series |= {"symbolSize": 5, "lineStyle": {"color": BLUE, "width": 2}}
    axis = (
        time_axis()
        if over_time
        else {"axisLabel": {"color": QUIET, "hideOverlap": True}, "axisLine": {"lineStyle": {"color": GRID}}}
    )
    return base() | {
        "xAxis": {
            "type": axis_kind,
            "name": x,
            "nameLocation": "middle",
            "nameGap": 28,
            "nameTextStyle": {"color": QUIET},
            **axis,
        },
        "grid": {"left": 8, "right": 18, "top": 34, "bottom": 26, "containLabel": True},
        "yAxis": {"type": "value", "name": y, **value_axis()},
        "series": [series],
    }


FOREST = """(params, api) => {
  const y = api.coord([0, api.value(1)])[1], x = v => api.coord([v, 0])[0], c = api.visual('color');
  const parts = [
    {type: 'rect', shape: {x: x(api.value(2)), y: y - 4, width: Math.max(2, x(api.value(3)) - x(api.value(2))), height: 8, r: 4}, style: {fill: c, opacity: 0.3}},
    {type: 'circle', shape: {cx: x(api.value(0)), cy: y, r: 5}, style: {fill: c}}];
  const t = api.value(4);
  if (t !== undefined && t !== null && !Number.isNaN(t))
    parts.push({type: 'rect', shape: {x: x(t) - 1, y: y - 9, width: 2, height: 18}, style: {fill: '#55606f'}});
  return {type: 'group', children: parts};
}"""
SPANS = """(params, api) => {
  const y = api.coord([0, api.value(1)])[1], x = v => api.coord([v, 0])[0], c = api.visual('color');
  const from = x(api.value(0)), to = x(api.value(2)), seen = x(api.value(3));
  return {type: 'group', children: [
    {type: 'rect', shape: {x: from, y: y - 6, width: Math.max(3, to - from), height: 12, r: 3}, style: {fill: c, opacity: 0.55}},
    {type: 'rect', shape: {x: Math.min(seen, to) - 1, y: y - 9, width: 3, height: 18}, style: {fill: c}}]};
}"""


def _band_of(name: str, rows: Sequence[Row], colour: str) -> list[Options]:
    shared = {
        "type": "line", "name": f"{name} interval", "stack": f"band {name}", "stackStrategy": "all", "symbol": "none", "silent": True,
        "lineStyle": {"opacity": 0}, "tooltip": {"show": False}, "emphasis": {"disabled": True},
    }  # fmt: skip
    return [
        shared | {"data": [[ms(r["time"]), r["low"]] for r in rows], "areaStyle": {"opacity": 0}},
        shared
        | {
            "data": [[ms(r["time"]), r["high"] - r["low"]] for r in rows],
            "areaStyle": {"color": colour, "opacity": 0.18},
        },
    ]


def _line(name: str, rows: Sequence[Row], colour: str, *, width: float, dashed: bool, digits: int) -> Options:
    # The fourth and following values are not drawn: the tooltip tells them.
    points = [
        [
            ms(r["time"]),
            r["estimate"],
            f"{number(r['estimate'], digits)} ({interval(r, digits)}), n {number(r['n'])}",
        ]
        for r in rows
    ]
    return {
        "type": "line",
        "name": name,
        "data": points,
        "encode": {"x": 0, "y": 1},
        "symbol": "circle",
        "symbolSize": 6 if len(rows) <= FEW else 0,
        "lineStyle": {"color": colour, "width": width, "type": "dashed" if dashed else "solid"},
        "itemStyle": {"color": colour},
        "emphasis": {"disabled": True},
    }


def _marks(marks: Sequence[tuple[datetime, str]]) -> Options:
    # Labels of marks close to one another would lie on each other: each sits on its own line.
    data = [
        {
            "xAxis": ms(t),
            "name": word,
            "label": {"formatter": word, "position": "end", "align": "left", "distance": 3 + 14 * (i % 3)},
        }
        for i, (t, word) in enumerate(marks)
    ]
    return {
        "silent": True, "symbol": "none", "lineStyle": {"color": QUIET, "type": "dashed", "width": 1},
        "label": {"color": QUIET, "fontSize": 11}, "data": data,
    }  # fmt: skip


def _tone(row: Row, reference: float | None) -> str:
    if reference is None or row["low"] <= reference <= row["high"]:
        return GREY
    return GREEN if row["estimate"] > reference else BAD
