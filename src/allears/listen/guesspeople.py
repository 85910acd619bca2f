"""Working out which columns say who it was."""

from __future__ import annotations

import re
from itertools import takewhile

from allears.listen import words
from allears.listen.sampled import Sampled

_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$")
_PHONE = re.compile(r"\+?[\d\s().-]{7,20}$")
_URL = re.compile(r"https?://\S+$|at://\S+$")
_HANDLE = re.compile(r"@?[\w.@-]{2,60}$")
# Objects that hold other people than the one who speaks.
_OTHERS = frozenset(
    (
        "mentions", "user_mentions", "companies", "company", "social_profiles", "recipient", "to", "authorizations", "bot_profile",
    )
)  # fmt: skip


def find_people(
    columns: list[Sampled], anchor: Sampled | None, social: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Find who it was: one path for each type, for two would make two people one."""
    nearest: dict[str, Sampled] = {}
    personal: dict[str, str] = {}
    near = anchor.path.split(".") if anchor else []
    for column in columns:
        if not column.plain():
            continue
        kind = _identifier(column, social)
        if kind is not None:
            held = nearest.get(kind)
            if held is None or _closeness(column, near) > _closeness(held, near):
                nearest[kind] = column
        elif (told := _personal(column)) is not None:
            personal[column.path] = told
    return {column.path: kind for kind, column in nearest.items()}, personal


def _closeness(column: Sampled, near: list[str]) -> tuple[bool, int, int]:
    """Rank people by how near to the words they stand; a customer's own number before an internal one."""
    parts = column.path.split(".")
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(parts, near, strict=False)))
    return column.leaf in ("user_id", "customer_id", "requester_id"), shared, -len(parts)


def _identifier(column: Sampled, social: bool) -> str | None:
    if column.within(words.NOT_SAID | _OTHERS):
        return None
    if column.share(lambda value: bool(_EMAIL.match(str(value)))) > 0.8 and "email" in words.IDENTIFIERS.get(
        column.leaf, "email"
    ):
        return "email" if "mail" in column.leaf or column.leaf in ("from", "sender") else None
    kind = words.IDENTIFIERS.get(column.leaf)
    above = column.above[-1] if column.above else ""
    if column.leaf in ("id", "id_str", "uid", "channel_id") and above in words.AUTHORS - {
        "item",
        "payload",
        "account",
        "profile",
    }:
        return "user_id"
    if column.leaf == "id" and above == "account" and "acct" not in column.path:
        return "user_id"
    if column.leaf == "from":
        return "phone" if column.share(lambda value: bool(_PHONE.match(str(value)))) > 0.8 else None
    if column.leaf == "name" and not column.above and _looks_like_handles(column):
        return "handle"
    if kind == "phone":
        return kind if column.share(lambda value: bool(_PHONE.match(str(value)))) > 0.6 else None
    if kind == "email":
        return None
    if kind == "handle":
        return (
            kind if _looks_like_handles(column, loose=column.leaf not in ("author_name", "client")) else None
        )
    if kind == "user_id" and column.leaf == "author_id":
        return "handle" if social and not column.numbers_only() else kind
    if (
        kind == "user_id"
        and column.leaf in ("user", "customer")
        and column.distinct < 0.02
        and len(column.values) > 50
    ):
        return None
    return kind


def _looks_like_handles(column: Sampled, loose: bool = False) -> bool:
    """Tell handles from names: a handle is one word, a person's name mostly has two."""
    single = column.share(lambda value: bool(_HANDLE.match(str(value))))
    if loose:
        return single > 0.6
    marked = column.share(
        lambda value: bool(re.search(r"[_\d@.]|[a-z][A-Z]", str(value))) or str(value).islower()
    )
    return single > 0.9 and marked > 0.3


def _personal(column: Sampled) -> str | None:
    kind = words.PERSONAL.get(column.leaf)
    if kind is None or column.within(
        words.NOT_SAID | {"mentions", "user_mentions", "companies", "company", "application", "app", "device"}
    ):
        return None
    if column.leaf == "name" and column.above and column.above[-1] not in words.AUTHORS:
        return None
    if column.leaf == "name" and not column.above and len(column.values) > 20 and column.distinct < 0.1:
        return None
    return (
        kind
        if column.texts
        and not column.share(lambda value: bool(_URL.match(str(value)) or str(value).count("/") > 1)) > 0.5
        else None
    )
