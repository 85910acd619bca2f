"""RSS and Atom: entries of any feed, asked politely (only when it changed), entities never expanded from outside."""

from __future__ import annotations

import io
import re
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from allears.errors import WorldFailed
from allears.listen.mapping import Mapping
from allears.listen.pull.fetch import Fetcher, host_of
from allears.listen.pull.page import Ask, Cursor, Page, Row, map_rows

MAPPING = Mapping(
    id="id",
    text="text",
    occurred_at="at",
    channel="social",
    html=True,
    personal={"author": "name"},
    constants={"name": "mention"},
)
# A feed needs no entities of its own: one that declares some is refused before any parser sees it.
_DECLARES = re.compile(rb"<!\s*(?:ENTITY|DOCTYPE[^>]*\[)", re.I)


class FeedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``feed``."""

    words: Annotated[
        tuple[str, ...], Meta(description="Only entries with one of these words; none: all.")
    ] = ()


class Feed:
    """Asks one feed."""

    relists = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        words = ask.options_as(FeedOptions).words
        self._words = (
            re.compile("|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in words), re.I) if words else None
        )
        self.mapping = ask.mapping or MAPPING
        self._host = host_of(ask.needed_url(), ask.place)

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Fetch the entries, unless the feed says that nothing changed."""
        fetcher = Fetcher(self._ask, frozenset({self._host}))
        asked = {"if-none-match": cursor.get("etag"), "if-modified-since": cursor.get("modified")}
        try:
            answer = fetcher.get(self._ask.needed_url(), headers={k: str(v) for k, v in asked.items() if v})
        finally:
            fetcher.close()
        if answer.status == 304:
            return
        rows = read_feed(answer.body, answer.headers.get("content-type", ""), self._ask.place)
        kept = [row for row in rows if self._words is None or self._words.search(str(row["text"]))]
        told = {"etag": answer.headers.get("etag"), "modified": answer.headers.get("last-modified")}
        yield Page(
            map_rows(kept, self.mapping, self._ask.context(), "entry"),
            {k: v for k, v in told.items() if v},
        )


def read_feed(body: bytes, content_type: str, place: str) -> list[Row]:
    """Read entries as rows.

    Raises
    ------
    WorldFailed
        It is no feed, or declares entities.
    """
    import feedparser

    flat = body.replace(b"\0", b"")  # UTF-16 must not hide a declaration
    if _DECLARES.search(flat[: 1 << 20]):
        raise WorldFailed("a feed that declares entities is not read", place=place)
    # Handed over as a file: a text that looks like an address must not be fetched.
    parsed = feedparser.parse(
        io.BytesIO(body),
        response_headers={"content-type": content_type} if content_type else {},
        sanitize_html=True,
        resolve_relative_uris=False,
    )
    if not parsed.get("version") and not parsed.entries:
        raise WorldFailed("the answer is no feed", place=place, again=True)
    return [_row(entry) for entry in parsed.entries]


def _row(entry: Any) -> Row:
    said = entry["content"][0].get("value", "") if entry.get("content") else entry.get("summary", "")
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    title = entry.get("title", "")
    return {
        "id": entry.get("id") or entry.get("link") or None,
        "text": title if not said or said == title else f"{title}\n{said}",
        "at": _moment(when),
        "author": entry.get("author"),
        "url": entry.get("link"),
    }


def _moment(when: Any) -> str | None:
    if not when:
        return None
    year, month, day, hour, minute, second = when[:6]
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).isoformat()
