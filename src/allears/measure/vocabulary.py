"""Which event names mean leaving, sending back, or buying: the words that customers' systems use."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

LEAVING = re.compile(
    r"unsubscrib|opt[ _-]?(ed)?[ _-]?out|cancell?(ed|ation)?\b|account[ _](closed|deleted)|consent.*(revoked|withdrawn)"
    r"|payment method removed|downgrad|churned",
    re.IGNORECASE,
)
SENDING_BACK = re.compile(r"refund|\breturn(ed|s)?\b|chargeback", re.IGNORECASE)
BUYING = re.compile(
    r"order (completed|placed|paid)|purchas|checkout completed|payment (completed|succeeded)|booking (completed|confirmed)|renew",
    re.IGNORECASE,
)
# What happens to customers, or goes wrong under their hands, is not what they chose to do.
UNDERGONE = re.compile(
    r"deliver(ed|y)|shipped|dispatched|delayed|\bsent\b|notified|reminder|fail|crash|error|declined|abandon"
    r"|mail (bounced|receipt)|automatic reply|bulk mail|post reach",
    re.IGNORECASE,
)


class Names(NamedTuple):
    """A space's event names, sorted by what they mean; those of no list are things customers chose to do."""

    leaving: list[str]
    back: list[str]
    buying: list[str]
    undergone: list[str]

    @property
    def no_use(self) -> list[str]:
        """All that does not tell of a customer using what we offer."""
        return [*self.leaving, *self.back, *self.undergone]


def names_of(signals: Any) -> Names:
    """Read the different event names and sort them: hundreds of names, instead of a pattern run over millions of rows."""
    events = signals.filter(signals.kind == "event")
    found = events.select("name").distinct().to_pyarrow()["name"].to_pylist()
    return sort_names([name for name in found if name])


def sort_names(names: list[str]) -> Names:
    """Sort event names by meaning; leaving wins over sending back, that over undergone, that over buying.

    Examples
    --------
    >>> names = sort_names(["Order Completed", "Order Cancelled", "Order Refunded", "Order Shipped", "Page Viewed"])
    >>> names.leaving, names.back, names.buying, names.undergone
    (['Order Cancelled'], ['Order Refunded'], ['Order Completed'], ['Order Shipped'])
    """
    spaced = {name: re.sub(r"[_\-.]+", " ", name) for name in sorted(names)}
    kinds: dict[str, list[str]] = {"leaving": [], "back": [], "undergone": [], "buying": []}
    patterns = {"leaving": LEAVING, "back": SENDING_BACK, "undergone": UNDERGONE, "buying": BUYING}
    for name, words in spaced.items():
        kind = next((kind for kind, pattern in patterns.items() if pattern.search(words)), None)
        if kind is not None:
            kinds[kind].append(name)
    return Names(**kinds)


def among(name: Any, names: list[str]) -> Any:
    """Give the condition that a name is one of these; false for no name."""
    import ibis

    return name.isin(names).fill_null(False) if names else ibis.literal(False)
