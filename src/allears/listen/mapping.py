"""Rows of any shape turned into arrivals by a mapping, given or worked out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pyarrow as pa

from allears.listen.build import build
from allears.listen.facets import Facets, platform_name, take_facets, truth
from allears.listen.flat import flatten
from allears.listen.gather import Gather
from allears.listen.guess import infer
from allears.listen.networks import on_network
from allears.listen.ratings import as_number, normalise
from allears.listen.reading import BadRow, Context
from allears.listen.shape import Mapping, read_mapping, write_mapping
from allears.listen.times import EPOCH, read_time, zone
from allears.listen.traits import as_text, relationship
from allears.listen.words import CUSTOMERS, read_path
from allears.tables.signals import CHANNELS

__all__ = ["Mapper", "Mapping", "infer", "preview", "read_mapping", "write_mapping"]

_TAG = re.compile(r"<br\s*/?>|</p>|</div>|</li>", re.I)
_ANY_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ALSO_PERSONAL = frozenset(("email", "phone", "handle"))
Link = Callable[[str | None, str | None], str | None]


class Mapper:
    """Applies one mapping to many rows.

    Parameters
    ----------
    mapping
        Which path holds what.
    gather
        Where the arrivals go.
    link
        Given a message's id and the id it answers, names the conversation; by default the answered
        message's id, else its own.
    """

    def __init__(self, mapping: Mapping, gather: Gather, link: Link | None = None) -> None:
        self.mapping = mapping
        self.gather = gather
        self._link = link or (lambda own, parent: parent or own)
        self._zone = zone(mapping.zone)
        self._identifiers = list(mapping.identifiers.items())
        self._personal = list(mapping.personal.items())
        self._customers = [(path, t) for path, t in self._identifiers if CUSTOMERS & set(read_path(path)[1])]
        self._authors = [path for path, t in self._identifiers if (path, t) not in self._customers]
        self._used = used_paths(mapping)
        many = mapping.text is not None and ".*." in mapping.text
        self._many = re.compile(re.escape(mapping.text or "").replace(r"\*", r"\d+") + "$") if many else None
        self._outbound = frozenset(mapping.outbound)

    def add(self, row: dict[str, Any], identity: list[tuple[str, str]] | None = None) -> None:
        """Add one flat row; ``identity`` names the customer when the company itself is speaking.

        Raises
        ------
        BadRow
            Its time is no time, or nothing in it was said, done or told.
        """
        m, take = self.mapping, row.get
        used = self._used
        rest = {k: v for k, v in row.items() if k not in used and v is not None and v != "" and v != []}
        more = bool(rest)
        own = row_id(take(m.id)) if m.id else None
        moment = self._time(m.occurred_at, row)
        edited = self._time(m.edited_at, row)
        if m.deleted and self._gone(take(m.deleted)):
            if own is None:
                raise BadRow("a deleted row that does not say which: its id is missing", f".{m.id or 'id'}")
            self.gather.delete(self.gather.signal_id(own, b""), (edited or (self.gather.received,))[0])
            return
        at = self.gather.settle(moment, rest)
        text = self._text(take(m.text) if self._many is None else self._join(row, rest)) if m.text else None
        rating, scale = self._rating(take(m.rating), rest) if m.rating else (None, None)
        outbound = m.direction is not None and str(take(m.direction)).strip().lower() in self._outbound
        identifiers, personal = self._people(row)
        if outbound:
            _note_agent(row, self._authors, rest)
            identifiers = identity or identifiers_of(row, self._customers, network_in(row, m))
            personal = []
        name = self._word(row, "name", m.name)
        facets = self._facets(row, rest)
        kind = m.kind or _kind(text, rating, name, facets, identifiers, personal, moment is not None)
        if kind is None:
            raise BadRow("nothing said or done: no text, rating, event or person was found")
        # Who and when alone would be an event of nothing. One whose text was taken away later says that.
        told = more or any(one is not None for one in (text, rating, name, *facets))
        if m.text and kind in ("feedback", "event") and edited is None and not told:
            raise BadRow("nothing said: its text is empty", f".{m.text}")
        content = b"" if own is not None else msgspec.json.encode(row)
        self.gather.add(
            self.gather.signal_id(own, content),
            at,
            kind,
            self.gather.context.channel or self._channel(row) or m.channel or "web",
            name=name,
            direction="out" if outbound else m.constants.get("direction", "in"),
            identifiers=identifiers,
            personal=personal,
            relationship=relationship(self._word(row, "relationship", m.relationship)),
            account=self._word(row, "account", m.account),
            thread=self._thread(row, own),
            text=text,
            rating=rating,
            rating_scale=scale,
            reach=_reach(row, m.reach) if m.reach else None,
            facets=facets,
            rest=rest,
        )
        # Many systems fill in the time of the last change from the beginning: only a later one is an edit.
        if own is not None and edited is not None and moment is not None and edited[0] > moment[0]:
            self.gather.edited(edited[0])

    def _gone(self, value: object) -> bool:
        if value is None or value == "":
            return False
        if self.mapping.deleted_when:
            return str(value).strip().lower() in self.mapping.deleted_when
        # A time, or whatever else is written there, tells as much as "true".
        return truth(value) is not False

    def _time(self, path: str | None, row: dict[str, Any]) -> tuple[int, bool] | None:
        value = row.get(path) if path is not None else None
        if value is None or value == "":
            return None
        moment = read_time(value, self.mapping.time_format, self._zone)
        if moment is None:
            raise BadRow("expected a time", f".{path}")
        return moment

    def _join(self, row: dict[str, Any], rest: dict[str, Any]) -> str:
        paths = [path for path in row if self._many is not None and self._many.match(path)]
        return "\n".join(str(rest.pop(path)) for path in paths if isinstance(rest.get(path), str))

    def _text(self, value: object) -> str | None:
        if isinstance(value, list):
            value = " ".join(part for part in value if isinstance(part, str))
        if not isinstance(value, str):
            value = as_text(value) or ""
        if self.mapping.html:
            value = plain(value)
        return value if value.strip() else None

    def _rating(self, value: object, rest: dict[str, Any]) -> tuple[float | None, str | None]:
        if value is None or value == "":
            return None, None
        rating = normalise(value, self.mapping.rating_scale)
        if rating is None:
            # A vendor's word for "not answered yet" is no reason to lose the row.
            rest[self.mapping.rating or "rating"] = value
            return None, None
        return rating, self.mapping.rating_scale

    def _people(self, row: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        identifiers = identifiers_of(row, self._identifiers, network_in(row, self.mapping))
        personal: list[tuple[str, str]] = []
        for path, kind in self._identifiers:
            if kind in _ALSO_PERSONAL and (value := row_id(row.get(path))) is not None:
                personal.append((kind, value))
        for path, kind in self._personal:
            if (value := as_text(row.get(path))) is not None:
                personal.append((kind, value))
        return identifiers, personal

    def _thread(self, row: dict[str, Any], own: str | None) -> str | None:
        m = self.mapping
        if m.reply_to:
            return self._link(own, row_id(row.get(m.reply_to)))
        return row_id(row.get(m.thread)) if m.thread else None

    def _word(self, row: dict[str, Any], column: str, path: str | None) -> str | None:
        value = as_text(row.get(path)) if path else None
        return value if value is not None else self.mapping.constants.get(column)

    def _channel(self, row: dict[str, Any]) -> str | None:
        if self.mapping.channel_from is None:
            return None
        said = str(row.get(self.mapping.channel_from) or "").strip().lower()
        return said if said in CHANNELS else None

    def _facets(self, row: dict[str, Any], rest: dict[str, Any]) -> Facets:
        m = self.mapping
        told = take_facets(rest)
        return Facets(
            self._word(row, "service", m.service) or told.service,
            truth(row.get(m.ok)) if m.ok else told.ok,
            as_number(row.get(m.duration_ms)) if m.duration_ms else told.duration_ms,
            self._word(row, "release", m.release) or told.release,
            platform_name(self._word(row, "platform", m.platform)) or told.platform,
            self._word(row, "region", m.region) or told.region,
            self._word(row, "partner", m.partner) or told.partner,
        )


def network_in(row: dict[str, Any], mapping: Mapping) -> str | None:
    """Name the network of a row's handles, where the row or the mapping does."""
    return (as_text(row.get(mapping.network_from)) if mapping.network_from else None) or mapping.network


def identifiers_of(
    row: dict[str, Any], paths: Iterable[tuple[str, str]], network: str | None
) -> list[tuple[str, str]]:
    """Read the identifiers of a row from pairs of path and type."""
    found = [(kind, value) for path, kind in paths if (value := row_id(row.get(path))) is not None]
    return [(kind, on_network(network, value) if kind == "handle" else value) for kind, value in found]


def used_paths(mapping: Mapping) -> frozenset[str]:
    """List the paths that a mapping reads or drops."""
    single = (
        mapping.channel_from, mapping.network_from,
        mapping.id, mapping.text, mapping.occurred_at, mapping.edited_at, mapping.deleted, mapping.name, mapping.rating, mapping.thread, mapping.reply_to,
        mapping.direction, mapping.relationship, mapping.account, mapping.service, mapping.ok, mapping.duration_ms,
        mapping.release, mapping.platform, mapping.region, mapping.partner,
    )  # fmt: skip
    many = (*mapping.reach, *mapping.identifiers, *mapping.personal, *mapping.ignore)
    return frozenset(path for path in (*single, *many) if path is not None)


def plain(text: str) -> str:
    """Take HTML's tags and entities out of a text.

    Examples
    --------
    >>> plain("<p>Tea &amp; cake</p>"), plain("a < b")
    ('Tea & cake', 'a < b')
    """
    if "<" in text:
        text = _ANY_TAG.sub("", _TAG.sub("\n", text)).strip()
    return html.unescape(text) if "&" in text else text


def preview(
    mapping: Mapping, rows: list[dict[str, Any]], context: Context | None = None
) -> list[dict[str, Any]]:
    """Show the first three rows as arrivals; only the columns that hold something.

    Examples
    --------
    >>> preview(Mapping(text="say"), [{"say": "hello", "n": 1}])[0]["text"]
    'hello'
    """
    gather = Gather(context or Context("preview", None, EPOCH.replace(year=2100)))
    mapper = Mapper(mapping, gather)
    for row in rows:
        try:
            mapper.add(flatten(row))
        except BadRow:
            continue
        if len(gather) == 3:
            break
    return shown_rows(build([*gather.rows(), *(c.row for c in gather.changes() if c.row is not None)]))


def shown_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """List the rows of a batch, only the columns that hold something."""
    hidden = ("received_at", "source")
    return [
        {k: v for k, v in row.items() if v is not None and v != [] and k not in hidden}
        for row in batch.to_pylist()
    ]


def row_id(value: object) -> str | None:
    """Read an id; spreadsheets and pandas write whole numbers as 3.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = as_text(value)
    if text is not None and text.endswith(".0") and text[:-2].isdigit():
        return text[:-2]
    return text


def _reach(row: dict[str, Any], paths: tuple[str, ...]) -> int | None:
    numbers = [n for path in paths if (n := as_number(row.get(path))) is not None and n >= 0]
    return int(max(numbers)) if numbers else None


def _note_agent(row: dict[str, Any], authors: list[str], rest: dict[str, Any]) -> None:
    """Keep who answered, among the properties: the company's own accounts are not customers."""
    for path in authors:
        if (value := row_id(row.get(path))) is not None:
            rest["agent"] = value
            return


def _kind(
    text: str | None,
    rating: float | None,
    name: str | None,
    facets: Facets,
    identifiers: list[tuple[str, str]],
    personal: list[tuple[str, str]],
    timed: bool,
) -> str | None:
    if text is not None or rating is not None:
        return "feedback"
    if facets.duration_ms is not None or (facets.service is not None and facets.ok is not None):
        return "telemetry"
    if name is not None:
        return "event"
    if not identifiers and not personal:
        return None
    # What is told about a person without saying when is a profile; at a certain time, something was done.
    return "event" if timed and identifiers else "profile"
