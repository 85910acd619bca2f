"""One message somebody wrote, before it takes a vendor's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COMPLAINTS = ("payment", "parcel", "app", "wait", "privacy", "price", "returns", "quality", "stock")
PRAISE = ("praise_product", "praise_delivery", "praise_service", "campaign")


@dataclass(slots=True)
class Message:
    """Who wrote what, when and where.

    ``person`` is negative for bots; ``cause`` is the place of a plot, -1 for everyday messages; ``extra`` holds what only
    some channels have: subject, stars, thread, reply, score, title, version, platform, share, out.
    """

    at: int
    source: str
    id: str
    person: int
    language: str
    topic: str
    cause: int
    text: str
    personal: list[tuple[str, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its signal id in the lake."""
        return f"{self.source}:{self.id}"


def tone(topic: str) -> int:
    """-1 for a complaint, 1 for praise, 0 for anything else.

    Examples
    --------
    >>> tone("parcel"), tone("praise_service"), tone("wish_dark")
    (-1, 1, 0)
    """
    if topic in PRAISE or topic == "score_good":
        return 1
    if (
        topic in COMPLAINTS
        or topic == "score_bad"
        or topic.endswith(("_outage", "_crash", "_failure", "_overload", "_rumour", "_error"))
    ):
        return -1
    return 0
