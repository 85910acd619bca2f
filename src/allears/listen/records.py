"""Finding the rows inside a JSON document: the list that its envelope holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allears.listen.words import IDENTIFIERS, PERSONAL, TEXT, snake

Row = tuple[str, dict[str, Any]]

# Lists that messaging platforms deliver in one request; each member is a row of its own, in its envelope.
FOLDED: tuple[tuple[str, ...], ...] = (
    ("entry",),
    ("entry", "0", "changes"),
    ("entry", "0", "messaging"),
    ("entry", "0", "changes", "0", "value", "messages"),
    ("entry", "0", "changes", "0", "value", "statuses"),
    ("tweet_create_events",),
    ("direct_message_events",),
)
# Names of lists that are parts of one row, never rows themselves.
_PARTS = frozenset(
    ("comments", "answers", "tags", "parts", "conversation_parts", "attachments", "custom_fields", "mentions", "media", "notes", "contacts", "authorizations", "blocks", "fields")
)  # fmt: skip
# Objects whose presence makes the document a message itself, whatever lists it has besides.
_MATTERS = frozenset(("event", "message", "item", "ticket", "conversation", "form_response", "parsed"))
_DEEPEST = 3


def find_records(document: dict[str, Any], path: str | None = None) -> Iterator[Row]:
    """Yield place and content of each row of a document.

    Parameters
    ----------
    document
        ``{"tickets": [...]}``, ``{"feed": {"entry": [...]}}``, a webhook's envelope, or one row.
    path
        Dotted path of the list, where it is known.

    Examples
    --------
    >>> list(find_records({"count": 2, "items": [{"id": 1}, {"id": 2}]}))
    [('$.items[0]', {'id': 1}), ('$.items[1]', {'id': 2})]
    """
    found = path.split(".") if path else records_path(document)
    if found is None:
        yield from unfold(document, "$")
        return
    held: Any = document
    for name in found:
        held = held.get(name) if isinstance(held, dict) else None
    at = "$." + ".".join(found)
    for index, row in enumerate(held if isinstance(held, list) else ()):
        yield f"{at}[{index}]", row if isinstance(row, dict) else {"value": row}


def records_path(document: dict[str, Any], depth: int = 0) -> list[str] | None:
    """Find the list of rows in an envelope; None when the document is a row itself."""
    if depth == _DEEPEST or any(name[0] in document for name in FOLDED if len(name) == 1 and depth == 0):
        return None
    if _says_something(document):
        return None
    lists = [
        k
        for k, v in document.items()
        if isinstance(v, list) and v and isinstance(v[0], dict) and k not in _PARTS
    ]
    if len(lists) == 1:
        return lists
    if lists:
        longest = max(lists, key=lambda name: len(document[name]))
        return [longest] if len(document[longest]) > 1 else None
    for name, inner in document.items():
        if isinstance(inner, dict) and snake(name) in (
            "data",
            "feed",
            "response",
            "result",
            "results",
            "payload",
            "content",
        ):
            below = records_path(inner, depth + 1)
            if below is not None:
                return [name, *below]
    return None


def unfold(row: dict[str, Any], at: str) -> Iterator[Row]:
    """Yield one row per delivered message; each keeps its envelope, with lists of one member.

    Examples
    --------
    >>> [row for _, row in unfold({"entry": [{"id": 1}, {"id": 2}]}, "$")]
    [{'entry': [{'id': 1}]}, {'entry': [{'id': 2}]}]
    """
    rows = [(at, row)]
    for path in FOLDED:
        rows = [piece for place, held in rows for piece in _unfold_at(held, path, place)]
    yield from rows


def _unfold_at(row: dict[str, Any], path: tuple[str, ...], at: str) -> list[Row]:
    held: Any = row
    for name in path:
        if name == "0":
            held = held[0] if isinstance(held, list) and held else None
        else:
            held = held.get(name) if isinstance(held, dict) else None
    if not isinstance(held, list) or len(held) < 2:
        return [(at, row)]
    place = f"{at}.{'.'.join(path)}"
    return [(f"{place}[{i}]", _replaced(row, path, [member])) for i, member in enumerate(held)]


def _replaced(held: Any, path: tuple[str, ...], members: list[Any]) -> Any:
    if not path:
        return members
    if path[0] == "0":
        return [_replaced(held[0], path[1:], members)]
    return {**held, path[0]: _replaced(held[path[0]], path[1:], members)}


def _says_something(document: dict[str, Any]) -> bool:
    """Tell a row from an envelope: an envelope has counts and cursors, no words and no people."""
    for name, value in document.items():
        plain = snake(name)
        if (
            isinstance(value, str)
            and value
            and (TEXT.get(plain, 0) >= 6 or plain in IDENTIFIERS or plain in PERSONAL)
        ):
            return True
    return False
