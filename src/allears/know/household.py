"""Households: customers who told one family name at one address. They stay as many customers as they were: nobody is merged for it.

An address of a care home, an office or a parcel shop is no household: more than `MOST` customers there, and it is not told as one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

HOUSEHOLD = "household"
MEMBER = "member"
MOST = 12
"""Customers; more at one address under one family name are no household."""

_SHORTEST = 8


def household_form(name: str, address: str) -> str | None:
    """Write family name and address in one form, or nothing where they say too little to tell homes apart.

    Parameters
    ----------
    name
        A whole name, the family name last, or first and followed by a comma.
    address
        Street and number, with or without a town.

    Examples
    --------
    >>> household_form("Ada Rossi", "Via Roma 5, 20121 Milano")
    'rossi|via roma 5 20121 milano'
    >>> household_form("ROSSI, Bo", "via roma 5; 20121 Milano") == household_form("Ada Rossi", "Via Roma 5, 20121 Milano")
    True
    >>> household_form("Ada", "Via Roma 5, Milano") is None, household_form("Ada Rossi", "Milano") is None
    (True, True)
    """
    first, comma, rest = name.partition(",")
    family = _words(first if comma and rest.strip() else name)
    home = _words(address)
    if not family or (not comma and len(family) < 2):
        return None
    told = " ".join(home)
    if len(home) < 2 or len(told) < _SHORTEST or not any(c.isdecimal() for c in told):
        return None
    return f"{' '.join(family) if comma and rest.strip() else family[-1]}|{told}"


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Marks belong to their letter: in Hindi and Thai a vowel is one.
    return "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain).split()


def last_told(pairs: Iterable[tuple[str, str]], kind: str) -> str | None:
    """Give the value of a kind that was told last."""
    return next((value for k, value in reversed(list(pairs)) if k == kind), None)
