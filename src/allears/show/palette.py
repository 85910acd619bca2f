"""Colours of figures. Series colours keep a contrast of 3:1 on white and on the dark page, and differ for colour-blind eyes."""

from __future__ import annotations

INK = "#1c2430"
QUIET = "#55606f"
GRID = "#dcdfe4"
SURFACE = "#ffffff"
"""These four are names more than colours: the pages' style sheet maps each to its dark counterpart."""

BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#008a66"
PURPLE = "#a5579a"
OLIVE = "#7a6a00"
GREY = "#6f7a88"

SERIES = (BLUE, ORANGE, GREEN, PURPLE, OLIVE, GREY)
"""In this order; the sixth is for "all others"."""

GOOD, BAD, NEUTRAL = GREEN, ORANGE, GREY


def series_colours(names: list[str]) -> dict[str, str]:
    """Give each name a colour; what comes after the fifth shares grey.

    Examples
    --------
    >>> series_colours(["chat", "email"])
    {'chat': '#0072b2', 'email': '#d55e00'}
    """
    return {name: SERIES[min(place, len(SERIES) - 1)] for place, name in enumerate(names)}
