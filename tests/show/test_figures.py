"""Figures are plain data that carries every number it should, and nothing that could be markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allears.show import figures
from allears.show.palette import BLUE, GREEN, GREY, ORANGE, SERIES

START = datetime(2026, 6, 1, tzinfo=UTC)


def week(number: int, estimate: float = 50.0, half: float = 4.0) -> dict[str, Any]:
    return {
        "time": START + timedelta(weeks=number),
        "estimate": estimate,
        "low": estimate - half,
        "high": estimate + half,
        "n": 100 + number,
    }


ROWS = [week(i, 50 + i) for i in range(6)]
COUNTS = [
    {"time": START + timedelta(days=d), "group": g, "signals": n}
    for d in range(3)
    for n, g in enumerate("abcdefgh", 1)
]
SPAN = {
    "label": "x",
    "start": START,
    "end": None,
    "noticed": START + timedelta(hours=2),
    "tone": "bad",
    "tip": "x",
}
ALL = {
    "band": figures.band({"trust": ROWS}, unit="index", colours={"trust": BLUE}, marks=[(START, "began")]),
    "stacked": figures.stacked(COUNTS, unit="signals"),
    "outbreak": figures.outbreak([(START, 3)], 1.0, [(START, "first signal")], "signals"),
    "forest": figures.forest([{**ROWS[0], "label": "a", "target": 60.0}], unit="points"),
    "spans": figures.spans([SPAN], end=START + timedelta(days=2)),
    "spark": figures.spark([1.0, 2.0]),
    "free": figures.free([{"day": START, "n": 1}], kind="line", x="day", y="n"),
}


@pytest.mark.parametrize("name", ALL)
def test_options_are_json_and_do_not_move(name: str) -> None:
    assert json.loads(json.dumps(ALL[name])) == ALL[name]
    assert ALL[name]["animation"] is False


@pytest.mark.parametrize("name", ALL)
def test_tooltips_are_never_html(name: str) -> None:
    tip = ALL[name]["tooltip"]
    assert tip.get("show") is False or tip["renderMode"] == "richText"


def test_a_band_spans_the_interval_and_its_points_tell_n() -> None:
    low, width, line = ALL["band"]["series"]
    assert [a[1] + b[1] for a, b in zip(low["data"], width["data"], strict=True)] == [r["high"] for r in ROWS]
    assert line["data"][0][2] == "50 (46 to 54), n 100"


def test_no_signal_is_lost_among_the_others() -> None:
    drawn = sum(n for series in ALL["stacked"]["series"] for _, n in series["data"])
    assert drawn == sum(r["signals"] for r in COUNTS)
    assert len(ALL["stacked"]["series"]) == len(SERIES)


@pytest.mark.parametrize(
    ("low", "high", "colour"), [(-3.0, -1.0, ORANGE), (1.0, 3.0, GREEN), (-1.0, 1.0, GREY)]
)
def test_a_row_is_coloured_only_when_its_interval_settles_it(low: float, high: float, colour: str) -> None:
    row = {"label": "a", "estimate": (low + high) / 2, "low": low, "high": high, "n": 9}
    drawn = figures.forest([row], unit="points", signed=True)["series"][0]["data"][0]
    assert drawn["itemStyle"]["color"] == colour


def test_the_first_row_of_a_forest_is_on_top() -> None:
    rows = [{**week(i), "label": str(i)} for i in range(3)]
    assert figures.forest(rows, unit="x")["yAxis"]["data"] == ["2", "1", "0"]


def test_text_of_customers_stays_a_value_and_never_becomes_a_key() -> None:
    # A key that begins with a colon is run as a script by the chart element.
    hostile = ":formatter"
    drawn = figures.stacked([{"time": START, "group": hostile, "signals": 1}], unit="signals")
    keys: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            keys.update(value)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(drawn["series"])
    assert hostile not in keys
    assert drawn["series"][0]["name"] == hostile
