"""Which events carry something the customer said: an answer to a survey, a review, a message."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from allears.listen.ratings import normalise
from allears.tables.signals import SCALES

TEXT_KEYS = (
    "comment",
    "text",
    "feedback",
    "message",
    "review",
    "body",
    "verbatim",
    "answer",
    "reason",
    "description",
)
RATING_KEYS = ("score", "rating", "stars", "value", "nps", "csat", "ces", "answer", "response")

# Word in the event's name: scale, channel. The first that fits counts.
SURVEYS: tuple[tuple[str, str | None, str | None], ...] = (
    ("nps", "nps-0-10", "survey"),
    ("promoter", "nps-0-10", "survey"),
    ("csat", "csat-1-5", "survey"),
    ("satisfaction", "csat-1-5", "survey"),
    ("ces", "ces-1-7", "survey"),
    ("effort", "ces-1-7", "survey"),
    ("review", "stars-1-5", "review"),
    ("rating", "stars-1-5", "review"),
    ("rated", "stars-1-5", "review"),
    ("survey", None, "survey"),
    ("feedback", None, "survey"),
    ("complaint", None, None),
    ("comment", None, None),
    ("message", None, "chat"),
    ("chat", None, "chat"),
)


class Said(NamedTuple):
    """What was said, if anything: truthy when there is text or rating."""

    text: str | None = None
    rating: float | None = None
    scale: str | None = None
    channel: str | None = None

    def __bool__(self) -> bool:
        return self.text is not None or self.rating is not None


def take_said(event: str | None, rest: dict[str, Any]) -> Said:
    """Take text and rating out of an event's properties; what was taken is removed from them.

    Examples
    --------
    >>> take_said("NPS Answered", {"score": 9, "comment": "quick and kind"})
    Said(text='quick and kind', rating=0.9, scale='nps-0-10', channel='survey')
    >>> bool(take_said("Order Completed", {"value": 5}))
    False
    """
    about = _survey(event or "")
    text = _take_text(rest, about is not None)
    if about is None:
        return Said(text) if text is not None else Said()
    scale, channel = about
    rating, scale = _take_rating(rest, scale)
    if text is None and rating is None:
        return Said()
    return Said(text, rating, scale if rating is not None else None, channel)


@lru_cache(maxsize=4096)
def _survey(event: str) -> tuple[str | None, str | None] | None:
    words = set(event.lower().replace("_", " ").replace("-", " ").split())
    for word, scale, channel in SURVEYS:
        if any(w == word or (len(word) > 4 and w.startswith(word)) for w in words):
            return scale, channel
    return None


def _take_text(rest: dict[str, Any], asked: bool) -> str | None:
    # Only a survey's or a message's event may have its text under a vague name.
    for key in TEXT_KEYS if asked else ("text", "comment"):
        value = rest.get(key)
        if isinstance(value, str) and value.strip() and not value.strip().replace(".", "").isdigit():
            del rest[key]
            return value
    return None


def _take_rating(rest: dict[str, Any], scale: str | None) -> tuple[float | None, str | None]:
    given = rest.get("rating_scale") or rest.get("scale")
    for key in RATING_KEYS:
        if key not in rest:
            continue
        own = {"stars": "stars-1-5", "nps": "nps-0-10", "csat": "csat-1-5", "ces": "ces-1-7"}.get(key)
        named = given if isinstance(given, str) and given in _SCALES else own or scale
        if named is None:
            continue
        rating = normalise(rest[key], named)
        if rating is None:
            rest["rating_unread"] = True
            return None, None
        for taken in (key, "rating_scale", "scale"):
            rest.pop(taken, None)
        return rating, named
    return None, None


_SCALES = frozenset(SCALES)
