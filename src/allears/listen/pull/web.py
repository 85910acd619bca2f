"""A web API asked as its recipe says, in one of three orders, with a cursor that is never ahead of what was handed over."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import msgspec
from jmespath.exceptions import JMESPathError

from allears.errors import WorldFailed
from allears.listen.mapping import row_id
from allears.listen.pull.fetch import Fetcher, host_of
from allears.listen.pull.page import Ask, Cursor, Page, Row, map_rows, nothing
from allears.listen.pull.recipe import Recipe, compiled, fill, filled
from allears.listen.times import micros, read_time

_HOUR = 3_600_000_000


class Web:
    """Asks a web API as a recipe says."""

    relists = True

    def __init__(self, ask: Ask, recipe: Recipe) -> None:
        self._ask, self._recipe = ask, recipe
        self.mapping = ask.mapping or recipe.mapping
        self._records = compiled(recipe.records, ask.place)
        self._token = compiled(recipe.next.token, ask.place) if recipe.next and recipe.next.token else None
        self._values = self._options()

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Fetch what is new."""
        known = self._values | {"base": self._base()}
        fetcher = Fetcher(
            self._ask,
            frozenset({host_of(fill(self._recipe.url, known), self._ask.place)}),
            self._recipe.per_minute,
        )
        try:
            if self._recipe.order == "oldest":
                yield from self._oldest(fetcher, cursor)
            elif self._recipe.order == "newest":
                yield from self._newest(fetcher, cursor)
            else:
                yield from self._present(fetcher)
        finally:
            fetcher.close()

    def _newest(self, fetcher: Fetcher, cursor: Cursor) -> Iterator[Page]:
        """Read back from the newest row to what is known; only then does the cursor move."""
        known = int(cursor.get("at", 0))
        start = known - int(self._recipe.overlap_hours * _HOUR) if known else 0
        context = self._ask.context()
        since = (
            max(start, micros(context.received_at) - int(self._recipe.first_days * 24 * _HOUR)) // 1_000_000
        )
        newest, before = known, ""
        whole = False
        for number, (answer, token) in enumerate(self._walk(fetcher, {"since": str(since)}), 1):
            rows = self._rows(answer)
            times = [self._time(row) for row in rows]
            same = repr([self._id(row) for row in rows])
            if not rows or same == before:  # the end, or a place that always gives its first page
                whole = True
                break
            before = same
            fresh = [row for row, at in zip(rows, times, strict=True) if at is None or at >= start]
            newest = max(
                [
                    newest,
                    *(
                        at
                        for at in times
                        if at is not None and at <= micros(context.received_at) + 24 * _HOUR
                    ),
                ]
            )
            yield Page(map_rows(fresh, self.mapping, self._ask.context(), f"page {number}"))
            if start and times and all(at is not None and at < start for at in times):
                whole = True
                break
            whole = token is None
        moved: Cursor = {"at": newest}
        if not whole and known:
            # More was new than the place shows: said, not hidden.
            moved["gap_before"] = newest
        yield Page(nothing(), moved)

    def _oldest(self, fetcher: Fetcher, cursor: Cursor) -> Iterator[Page]:
        """Read on from the last row; each page moves the cursor."""
        last = cursor.get("last")
        for _ in range(self._recipe.most_pages):
            answer = self._fetch(fetcher, {"last": last} if last is not None else {})
            rows = self._rows(answer)
            following = self._token.search(answer) if self._token else None
            if not rows or following is None or str(following) == last:
                return
            last = str(following)
            yield Page(map_rows(rows, self.mapping, self._ask.context()), {"last": last})

    def _present(self, fetcher: Fetcher) -> Iterator[Page]:
        """Take a reading of now: the hour is part of each row's id, so that one an hour counts."""
        for answer, _ in self._walk(fetcher, {}):
            context = self._ask.context()
            hour = context.received_at.strftime("%Y-%m-%dT%H")
            rows = [row | {"reading": f"{self._id(row)}@{hour}"} for row in self._rows(answer)]
            yield Page(map_rows(rows, self.mapping, context), {})

    def _walk(self, fetcher: Fetcher, known: dict[str, str]) -> Iterator[tuple[Any, str | None]]:
        following = self._recipe.next
        page = str(following.first) if following and following.token is None else None
        for _ in range(self._recipe.most_pages):
            answer = self._fetch(
                fetcher, known | ({following.parameter: page} if following and page is not None else {})
            )
            if following is None:
                token = None
            elif self._token is None:
                token = str(int(page or 0) + 1)
            else:
                found = self._token.search(answer)
                token = None if found in (None, "", False) else str(found)
            yield answer, token
            if token is None:
                return
            page = token

    def _fetch(self, fetcher: Fetcher, known: dict[str, Any]) -> Any:
        values = self._values | {"base": self._base()} | {k: str(v) for k, v in known.items()}
        query = {
            name: fill(text, values, quoted=False)
            for name, text in self._recipe.query.items()
            if filled(text, values)
        }
        following = self._recipe.next
        if (
            following
            and following.parameter in values
            and f"{{{following.parameter}}}" not in self._recipe.url
            and following.parameter not in query
        ):
            query[following.parameter] = values[following.parameter]
        headers = {
            name: fill(text, values, quoted=False)
            for name, text in self._recipe.headers.items()
            if filled(text, values)
        }
        url = fill(self._recipe.url, values)

        def attempt() -> Any:
            body = fetcher.get(url, query, headers).body
            try:
                return msgspec.json.decode(body)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                raise WorldFailed("the answer is not JSON", place=self._ask.place, again=True) from None

        return fetcher.patiently(attempt)

    def _rows(self, answer: Any) -> list[Row]:
        try:
            found = self._records.search(answer)
        except (JMESPathError, TypeError, ValueError):
            found = None
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def _time(self, row: Row) -> int | None:
        moment = read_time(row.get(self.mapping.occurred_at or ""))
        return moment[0] if moment else None

    def _id(self, row: Row) -> str | None:
        return row_id(row.get("id"))

    def _base(self) -> str:
        return (self._ask.url or self._recipe.base or "").rstrip("/")

    def _options(self) -> dict[str, str]:
        recipe, ask = self._recipe, self._ask
        ask.demand(recipe)
        values = recipe.defaults | {
            k: ",".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in ask.options.items()
        }
        return values | ({"secret": ask.secret} if ask.secret else {})
