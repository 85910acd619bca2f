"""Ratings on their scales, turned into 0-1 where 1 is good."""

from __future__ import annotations

BOUNDS = {
    "nps-0-10": (0.0, 10.0),
    "stars-1-5": (1.0, 5.0),
    "csat-1-5": (1.0, 5.0),
    "ces-1-7": (1.0, 7.0),
    "trustid-1-7": (1.0, 7.0),
}

WORDS = {
    "one": 0.0, "two": 0.25, "three": 0.5, "four": 0.75, "five": 1.0,
    "bad": 0.0, "good": 1.0, "poor": 0.0, "fair": 0.25, "average": 0.5, "excellent": 1.0,
    "thumbs_down": 0.0, "thumbs_up": 1.0, "negative": 0.0, "positive": 1.0, "dislike": 0.0, "like": 1.0,
    "very dissatisfied": 0.0, "dissatisfied": 0.25, "neutral": 0.5, "satisfied": 0.75, "very satisfied": 1.0,
}  # fmt: skip
STAR_WORDS = ("one", "two", "three", "four", "five")


def normalise(value: object, scale: str | None) -> float | None:
    """Bring a rating to 0-1; None when it is no rating of that scale.

    Without a scale the value must be 0-1 already.

    Examples
    --------
    >>> normalise(9, "nps-0-10"), normalise("FIVE", "stars-1-5"), normalise(4, "csat-1-5")
    (0.9, 1.0, 0.75)
    >>> normalise(6, "stars-1-5") is None
    True
    """
    number = as_number(value)
    if number is None:
        return WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    low, high = BOUNDS.get(scale or "", (0.0, 1.0))
    if not low <= number <= high:
        return None
    return (number - low) / (high - low)


def as_number(value: object) -> float | None:
    """Read a finite number from a number or its text; None otherwise.

    Examples
    --------
    >>> as_number("4.5"), as_number(True), as_number("nan")
    (4.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e300 else None
