"""Limits: how much one customer may hold, so that one shared value never melts people together.

Transitive closure is the enemy: a household tablet, a shop's phone number or a test address joins
people who never met. Limits refuse such a link, say why, and can be shown to whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from allears.errors import Refused
from allears.know.identifiers import PEOPLE

RULE_VERSION = 1
"""Goes up whenever the rules of joining change; each edge keeps the version it was made under."""

EVIDENCE_BITS = {
    "user_id": 14.0,
    "email": 12.0,
    "phone": 10.0,
    "handle": 8.0,
    "device": 6.0,
    "anonymous_id": 5.0,
}
"""What a link through such an identifier is worth, log2 of the odds: set by rule, not estimated; a link is as good as its weaker end."""

SOLE = ("user_id", "email", "phone")
"""Two people who each own one of these are not joined by a device or a browser."""
PASSED_AROUND = ("device", "anonymous_id")

_STANDARD = {"user_id": 1, "email": 5, "phone": 5, "handle": 10, "device": 10, "anonymous_id": 50}


@dataclass(frozen=True)
class Limits:
    """How much one customer may hold.

    Parameters
    ----------
    per_type
        Most identifiers of each type in one customer. Two user ids are two customers.
    size
        Most identifiers in one customer, anonymous ids not counted.
    shared_by
        An identifier seen with more than this many user ids (or e-mails, phones, handles) belongs to nobody: quarantine.
    links_kept
        Most links one identifier keeps; later ones are counted, not kept. Only beyond this does the order of arrival matter.
    devices_join_people
        Whether a device or a browser alone may join two people who each have an e-mail, or each a phone.

    Examples
    --------
    >>> Limits().per_type["email"]
    5
    """

    per_type: dict[str, int] = field(default_factory=lambda: dict(_STANDARD))
    size: int = 50
    shared_by: int = 10
    links_kept: int = 1000
    devices_join_people: bool = False

    def __post_init__(self) -> None:
        if set(self.per_type) != set(PEOPLE) or min(self.per_type.values()) < 1:
            raise Refused(f"limits need one number of at least 1 for each of {', '.join(PEOPLE)}")
        if self.size < 2 or self.shared_by < 1 or self.links_kept < 1:
            raise Refused("size needs at least 2, shared_by and links_kept at least 1")

    def array(self) -> npt.NDArray[np.int64]:
        """Give the limits per type in the order of `PEOPLE`."""
        return np.array([self.per_type[t] for t in PEOPLE], np.int64)
