"""What traits tell about a person: identifiers, personal fields, relationship, account."""

from __future__ import annotations

import re
from typing import Any

from allears.listen.facets import truth
from allears.listen.networks import NETWORKS, on_network
from allears.tables.signals import RELATIONSHIPS

IDENTIFYING = {"email": "email", "phone": "phone", "username": "handle", "handle": "handle"}
NAMING = {
    "name": "name", "firstName": "name", "lastName": "name", "first_name": "name", "last_name": "name",
    "fullName": "name", "full_name": "name", "displayName": "name", "display_name": "name",
    "birthday": "birthday", "address": "address",
}  # fmt: skip
_HANDLES = frozenset(key for key, kind in IDENTIFYING.items() if kind == "handle")
_HANDLE = re.compile(r"@?[\w.-]{2,60}")
_SYNONYMS = {
    "customer": "consumer", "client": "consumer", "user": "consumer", "b2c": "consumer", "staff": "employee",
    "internal": "employee", "worker": "employee", "vendor": "partner", "supplier": "partner", "reseller": "partner",
    "carrier": "partner", "b2b": "partner",
}  # fmt: skip
_RELATING = ("relationship", "type", "customer_type", "customerType", "userType", "user_type")
Found = list[tuple[str, str]]


def take_person(traits: dict[str, Any], identifiers: Found, personal: Found) -> None:
    """Take identifiers and personal fields out of traits; what was taken is removed from them.

    Examples
    --------
    >>> ids, told, traits = [], [], {"email": "ada@example.com", "firstName": "Ada", "plan": "gold"}
    >>> take_person(traits, ids, told)
    >>> ids, told, traits
    ([('email', 'ada@example.com')], [('email', 'ada@example.com'), ('name', 'Ada')], {'plan': 'gold'})
    >>> take_person({"twitter": "@ada"}, ids, told)
    >>> ids[-1]
    ('handle', 'twitter::@ada')
    """
    network = as_text(traits.get("network")) if traits.keys() & _HANDLES else None
    for key, kind in IDENTIFYING.items():
        if value := as_text(traits.get(key)):
            identifiers.append((kind, on_network(network, value) if kind == "handle" else value))
            personal.append((kind, value))
            del traits[key]
    for key in traits.keys() & NETWORKS.keys():
        # A trait called after a network: `{"twitter": "@ada"}`. An address of a profile is not read.
        if isinstance(traits[key], str) and _HANDLE.fullmatch(traits[key].strip()):
            value = traits.pop(key)
            identifiers.append(("handle", on_network(key, value)))
            personal.append(("handle", value))
    for key, kind in NAMING.items():
        given = traits.get(key)
        if isinstance(given, dict):
            given = ", ".join(part for part in map(as_text, given.values()) if part)
        if value := as_text(given):
            personal.append((kind, value))
            del traits[key]


def take_relationship(traits: dict[str, Any]) -> str | None:
    """Take the relationship out of traits, where they state one.

    Examples
    --------
    >>> take_relationship({"employee": True}), take_relationship({"type": "supplier"}), take_relationship({})
    ('employee', 'partner', None)
    """
    for key in RELATIONSHIPS:
        if key in traits and truth(traits[key]):
            del traits[key]
            return key
    for key in _RELATING:
        if (known := relationship(traits.get(key))) is not None:
            del traits[key]
            return known
    return None


def relationship(value: object) -> str | None:
    """Name the relationship that a word means; None when it means none."""
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    return word if word in RELATIONSHIPS else _SYNONYMS.get(word)


def take_account(traits: dict[str, Any]) -> str | None:
    """Take the organisation out of traits: ``company`` as a name or an object."""
    company = traits.pop("company", None)
    if isinstance(company, dict):
        return as_text(company.get("id")) or as_text(company.get("name"))
    return as_text(company)


def as_text(value: object) -> str | None:
    """Read an id or a word; None for anything empty or built.

    Examples
    --------
    >>> as_text(12), as_text(" "), as_text({})
    ('12', None, None)
    """
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None
