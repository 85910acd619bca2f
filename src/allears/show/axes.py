"""What all figures share: font, axes, legend and tooltip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from allears.show.palette import GRID, INK, QUIET, SURFACE

Row = Mapping[str, Any]
Options = dict[str, Any]

FONT = "Roboto, 'Segoe UI', system-ui, sans-serif"


def base(legend: Sequence[str] = ()) -> Options:
    """Say what all figures share: ink, grid, legend, tooltip."""
    return {
        "animation": False,
        "useUTC": True,
        "textStyle": {"fontFamily": FONT, "color": QUIET},
        "grid": {"left": 8, "right": 18, "top": 62 if legend else 34, "bottom": 10, "containLabel": True},
        "legend": {"show": bool(legend), "data": list(legend), "top": 0, "left": 0, "itemWidth": 14, "itemHeight": 8,
                   "icon": "roundRect", "type": "scroll", "textStyle": {"color": QUIET, "fontSize": 12}},
        "tooltip": tooltip("axis"),
    }  # fmt: skip


def tooltip(trigger: str) -> Options:
    """Say how a figure tells its values: in rich text, never HTML."""
    tip: Options = {
        "trigger": trigger, "renderMode": "richText", "confine": True, "backgroundColor": SURFACE, "borderColor": GRID, "borderWidth": 1,
        "textStyle": {"color": INK, "fontSize": 12}, "axisPointer": {"lineStyle": {"color": QUIET}},
    }  # fmt: skip
    if trigger == "axis":
        tip[":formatter"] = TIP
    return tip


TIP = """points => {
  const all = Array.isArray(points) ? points : [points], at = all[0].value[0];
  const head = typeof at === 'number' && at > 1e11 ? new Date(at).toLocaleString(undefined, {timeZone: 'UTC', dateStyle: 'medium', timeStyle: at % 864e5 ? 'short' : undefined}) : String(at);
  const rows = all.filter(p => !/ interval$/.test(p.seriesName) && p.value[1] !== null && (p.value[1] !== 0 || all.length === 1));
  return [head, ...rows.map(p => (/^series/.test(p.seriesName) ? '' : p.seriesName + ': ') + (p.value[2] ?? p.value[1].toLocaleString()))].join('\\n');
}"""


def time_axis(times: Sequence[int] = ()) -> Options:
    """Say how times are written."""
    # Ticks stand where the values are: between them nothing was measured.
    only = {"customValues": list(times)} if 1 < len(times) <= FEW else {}
    return {
        "axisLine": {"lineStyle": {"color": GRID}},
        "axisTick": {"lineStyle": {"color": GRID}, **only},
        "axisLabel": {"color": QUIET, "hideOverlap": True, "formatter": TIMES, **only},
        "splitLine": {"show": False},
    }


FEW = 60
TIMES = {
    "year": "{yyyy}",
    "month": "{d} {MMM}",
    "day": "{d} {MMM}",
    "hour": "{HH}:{mm}",
    "minute": "{HH}:{mm}",
    "second": "{HH}:{mm}:{ss}",
    "millisecond": "",
}


def value_axis(*, label: bool = False) -> Options:
    """Say how values are written."""
    align = (
        {}
        if label
        else {"nameTextStyle": {"color": QUIET, "align": "left", "padding": [0, 0, 0, -6]}, "nameGap": 10}
    )
    return {
        "axisLabel": {"color": QUIET},
        "splitLine": {"lineStyle": {"color": GRID}},
        "nameTextStyle": {"color": QUIET},
        **align,
    }


def plain(value: Any) -> Any:
    """Turn a value into what JSON holds."""
    return (
        ms(value)
        if isinstance(value, datetime)
        else value
        if isinstance(value, int | float | None)
        else str(value)
    )


def ms(moment: datetime) -> int:
    """Count milliseconds, as ECharts does."""
    return int(moment.timestamp() * 1000)
