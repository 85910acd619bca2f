"""One event of a vendor: the first rule that holds decides what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from allears.listen.changes import Change
from allears.listen.facets import Facets, platform_name
from allears.listen.gather import Gather
from allears.listen.mapping import plain, row_id
from allears.listen.ratings import BOUNDS, as_number, normalise
from allears.listen.reading import BadRow, Context
from allears.listen.times import read_time
from allears.listen.traits import as_text, relationship
from allears.listen.vendor import CompiledRule, Reader
from allears.listen.walk import Scope, walk
from allears.tables.signals import CHANNELS, KINDS

Found = list[tuple[str, str]]


class Sorted:
    """Where the events of one body go."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.gather = Gather(context)
        self.changes: list[Change] = []
        self.ignored = 0


def sort_event(reader: Reader, scope: Scope, into: Sorted) -> None:
    """Read one event into arrivals or changes.

    Raises
    ------
    BadRow
        No rule knows it, or what its rule needs is missing or of a wrong type.
    """
    rule = next((one for one in reader.rules if one.when.holds(scope)), None)
    if rule is None:
        raise BadRow(f"an event that the adapter {reader.vendor.name} does not know")
    if rule.rule.does == "ignore":
        into.ignored += 1
        return
    members = [member for _, member in walk(rule.each, scope, "")]
    for member in members:
        _require_objects(rule, member)
    if not members:
        raise BadRow("nothing in it: expected a list with something in it")
    # All or nothing for one event: half of it would be refused, and counted twice when it is replayed.
    for change in [_change(reader, rule, member, into) for member in members]:
        if rule.rule.does == "create" and change.row is not None:
            into.gather.add_row(change.row)
        else:
            into.changes.append(change)


def _require_objects(rule: CompiledRule, scope: Scope) -> None:
    for path in rule.objects:
        found: Any = scope
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        if found is not None and not isinstance(found, dict):
            raise BadRow("expected an object", "." + ".".join(path[1:] or path))


def _change(reader: Reader, rule: CompiledRule, scope: Scope, into: Sorted) -> Change:
    does, gather = rule.rule.does, Gather(into.context)
    own = row_id(rule.of("id", scope))
    if own is None and does != "create":
        raise BadRow(
            f"{'an edit' if does == 'edit' else 'a delete'} that does not say of which message", ".id"
        )
    signal_id = gather.signal_id(own, b"" if own is not None else msgspec.json.encode(scope))
    moment = _time(rule, "edited", scope)
    at = moment[0] if moment is not None else gather.received
    if does == "delete":
        return Change(signal_id, at, None)
    _add(reader, rule, scope, gather, signal_id, at if does == "edit" else None)
    return Change(signal_id, at, gather.rows()[0])


def _add(
    reader: Reader, rule: CompiledRule, scope: Scope, gather: Gather, signal_id: str, edited: int | None
) -> None:
    rest: dict[str, Any] = {}
    for name, expression in rule.properties.items():
        if (value := expression.of(scope)) not in (None, "", [], {}):
            rest[name] = value
    if edited is not None:
        rest["edited"] = True
    text = _said(rule, scope)
    rating, scale = _rating(rule, scope, rest)
    name = _word(rule, "name", scope)
    outward = _word(rule, "direction", scope) == "out"
    who, personal, account = _people(reader, rule, scope, gather.context.source)
    kind = _one_of(rule, "kind", scope, KINDS)
    if kind is None:
        said = text is not None or rating is not None
        kind = "feedback" if said else "event" if name is not None else "profile" if who or personal else None
    if kind is None:
        raise BadRow("nothing said or done: no text, rating, name or person was found")
    reach = as_number(rule.of("reach", scope))
    gather.add(
        signal_id,
        gather.settle(_time(rule, "time", scope), rest),
        kind,
        gather.context.channel or _one_of(rule, "channel", scope, CHANNELS) or reader.vendor.channel,
        name=name,
        direction="out" if outward else "in",
        identifiers=who,
        # A company's own voice tells nothing about the customer it speaks to.
        personal=[] if outward else personal,
        relationship=relationship(_word(rule, "relationship", scope)),
        account=account,
        thread=row_id(rule.of("thread", scope)),
        text=text,
        rating=rating,
        rating_scale=scale,
        reach=None if reach is None or reach < 0 else int(reach),
        facets=Facets(
            _word(rule, "service", scope),
            None,
            None,
            _word(rule, "release", scope),
            platform_name(_word(rule, "platform", scope)),
            _word(rule, "region", scope),
            _word(rule, "partner", scope),
        ),
        rest=rest,
    )


def _said(rule: CompiledRule, scope: Scope) -> str | None:
    value = rule.of("text", scope)
    if isinstance(value, list):
        value = "\n".join(part for part in value if isinstance(part, str) and part.strip())
    if value is not None and not isinstance(value, str | int | float):
        raise BadRow("expected text", ".text")
    text = as_text(value)
    if text is not None and rule.rule.html:
        text = as_text(plain(text))
    return text


def _time(rule: CompiledRule, column: str, scope: Scope) -> tuple[int, bool] | None:
    value = rule.of(column, scope)
    if value is None or value == "":
        return None
    moment = read_time(value)
    if moment is None:
        raise BadRow("expected a time", f".{column}")
    return moment


def _rating(rule: CompiledRule, scope: Scope, rest: dict[str, Any]) -> tuple[float | None, str | None]:
    value = rule.of("rating", scope)
    if value is None or value == "":
        return None, None
    scale = _word(rule, "scale", scope)
    rating = normalise(value, scale) if scale is None or scale in BOUNDS else None
    if rating is None:
        rest["rating_unread"] = True
        return None, None
    return rating, scale


def _people(reader: Reader, rule: CompiledRule, scope: Scope, source: str) -> tuple[Found, Found, str | None]:
    who: Found = []
    personal: Found = []
    account = None
    for kind, expression in rule.who.items():
        for value in _values(expression.of(scope)):
            if kind == "account":
                account = value
            elif kind == "handle":
                who.append(("handle", f"{reader.network}:{value}"))
            elif kind == "local":
                # An id that means somebody else at the next installation of the same vendor.
                who.append(("handle", f"{source}:id-{value}"))
            else:
                who.append((kind, value))
                if kind in ("email", "phone"):
                    personal.append((kind, value))
    for kind, expression in rule.personal.items():
        personal += [(kind, value) for value in _values(expression.of(scope))]
    return who, personal, account


def _values(value: Any) -> Sequence[str]:
    given = value if isinstance(value, list) else [value]
    return [text for one in given if (text := row_id(one)) is not None]


def _word(rule: CompiledRule, column: str, scope: Scope) -> str | None:
    return as_text(rule.of(column, scope))


def _one_of(rule: CompiledRule, column: str, scope: Scope, allowed: tuple[str, ...]) -> str | None:
    word = _word(rule, column, scope)
    return word if word in allowed else None
