"""Relationship: consumer, employee or partner, by typed rules.

Who wins, and why:

1. What the payload says of its own row (an employee who writes as a shopper is a consumer in that row).
2. Else what is known of the customer, the highest of all that was told of any of its identifiers: employee over partner over consumer.
   An employee counted among consumers flatters or spoils the figures and may see what others must not, so one proof is enough.
3. Else consumer.

What is told of an identifier comes from payloads, from traits and from e-mail domains, and stays with that identifier: when two
customers are taken apart again, each keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import Refused

STANDINGS = ("consumer", "partner", "employee")
"""Lowest first: the place is the rank."""

PUBLIC_DOMAINS = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "ymail.com",
        "icloud.com",
        "me.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "mail.ru",
        "yandex.ru",
        "qq.com",
        "163.com",
        "126.com",
        "naver.com",
        "proton.me",
        "protonmail.com",
        "orange.fr",
        "free.fr",
        "libero.it",
    }
)
"""Anybody can have an address here, so such a domain proves nothing."""


class DomainRule(msgspec.Struct, frozen=True, tag="domain"):
    """Who has an address in this domain, or below it."""

    domain: str
    relationship: str

    def __post_init__(self) -> None:
        _check(self.relationship)
        if self.domain.lower() in PUBLIC_DOMAINS or "." not in self.domain:
            raise Refused("expected a company's own e-mail domain, got one that anybody can have")


class TraitRule(msgspec.Struct, frozen=True, tag="trait"):
    """Whose properties hold this value, at the top level or under ``traits``."""

    trait: str
    equals: str | bool | int
    relationship: str

    def __post_init__(self) -> None:
        _check(self.relationship)


class Rules(msgspec.Struct, frozen=True):
    """Rules of relationship; where several speak, the highest wins.

    Examples
    --------
    >>> rules = Rules((DomainRule("acme.example", "employee"), TraitRule("plan", "reseller", "partner")))
    >>> rules.of_domain("mail.acme.example"), rules.of_domain("elsewhere.example")
    (2, 0)
    >>> rules.of_properties(pa.array(['{"plan": "reseller"}', None])).tolist()
    [1, 0]
    """

    rules: tuple[DomainRule | TraitRule, ...] = ()

    def of_domain(self, domain: str) -> int:
        """Give the rank that an e-mail domain proves."""
        return max(
            (
                _rank(r.relationship)
                for r in self.rules
                if isinstance(r, DomainRule) and _within(domain, r.domain)
            ),
            default=0,
        )

    def of_properties(self, properties: pa.Array) -> npt.NDArray[np.int8]:
        """Give the rank that each row's properties prove."""
        ranks = np.zeros(len(properties), np.int8)
        rules = [r for r in self.rules if isinstance(r, TraitRule)]
        if not rules:
            return ranks
        # Most rows name no trait at all: look for the words first, read JSON only where they are.
        found = np.zeros(len(properties), np.bool_)
        for trait in {r.trait for r in rules}:
            found |= pc.fill_null(pc.match_substring(properties, f'"{trait}"'), False).to_numpy(
                zero_copy_only=False
            )
        rows = np.flatnonzero(found)
        ranks[rows] = [_of_traits(text, rules) for text in properties.take(pa.array(rows)).to_pylist()]
        return ranks


def from_domains(employee_domains: Iterable[str], partner_domains: Iterable[str]) -> Rules:
    """Build rules from the two settings of a space."""
    employees = (DomainRule(d, "employee") for d in employee_domains)
    return Rules((*employees, *(DomainRule(d, "partner") for d in partner_domains)))


def ranks(said: pa.Array) -> npt.NDArray[np.int8]:
    """Give the rank of each relationship a payload stated; nothing and unknown words rank -1."""
    places = pc.index_in(said.cast(pa.string()), value_set=pa.array(STANDINGS))
    return np.asarray(pc.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int8))


def _of_traits(text: str, rules: list[TraitRule]) -> int:
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return 0
    if not isinstance(told, dict):
        return 0
    inner = told.get("traits")
    places = (told, inner) if isinstance(inner, dict) else (told,)
    return max(
        (_rank(r.relationship) for r in rules if any(_same(p.get(r.trait), r.equals) for p in places)),
        default=0,
    )


def _same(told: object, expected: str | bool | int) -> bool:
    # True == 1 in Python, not in a payload.
    return told == expected and isinstance(told, bool) == isinstance(expected, bool)


def _within(domain: str, owner: str) -> bool:
    owner = owner.lower().lstrip("@")
    return domain == owner or domain.endswith("." + owner)


def _rank(relationship: str) -> int:
    return STANDINGS.index(relationship)


def _check(relationship: str) -> None:
    if relationship not in STANDINGS:
        raise Refused(f"expected one of {', '.join(STANDINGS)}")
