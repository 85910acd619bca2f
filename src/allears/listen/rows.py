"""Rows of arbitrary vendors: JSON objects, read by a mapping given or worked out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from allears.listen.flat import flatten
from allears.listen.gather import Gather
from allears.listen.guess import SAMPLE_ROWS
from allears.listen.mapping import Mapper, infer
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.records import find_records, unfold
from allears.listen.rowsof import cut_rows
from allears.listen.signals import check_rows

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


class Rows:
    """The format ``rows``."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count the rows that are JSON objects."""
        return check_rows(body, "rows", _OBJECT.decode)

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn rows into arrivals; one body is one document or many rows."""
        refused: list[Refusal] = []
        rows = list(_decoded(body, context.mapping.records if context.mapping else None, refused))
        mapping = context.mapping or infer([row for _, row, _ in rows[:SAMPLE_ROWS]])
        gather = Gather(context)
        mapper = Mapper(mapping, gather)
        for at, row, payload in rows:
            try:
                mapper.add(flatten(row))
            except _BROKEN as error:
                refused.append(refuse(error, at, payload or msgspec.json.encode(row), "rows"))
        return Reading(gather.rows(), refused, len(body), gather.changes())


def first_rows(body: bytes, *, most: int = SAMPLE_ROWS, path: str | None = None) -> list[dict[str, Any]]:
    r"""Read the first rows of a body, flat: what its mapping can be worked out from.

    Parameters
    ----------
    most
        How many.
    path
        Where the rows lie in an envelope, if that is known.

    Examples
    --------
    >>> first_rows(b'{"comment":\n {"body": "Well done"}}'), first_rows(b'[{"a": 1}, {"a": 2}]')
    ([{'comment.body': 'Well done'}], [{'a': 1}, {'a': 2}])
    """
    return [flatten(row) for _, row, _ in islice(_decoded(body, path, []), most)]


def _decoded(
    body: bytes, path: str | None, refused: list[Refusal]
) -> Iterator[tuple[str, dict[str, Any], bytes | None]]:
    for at, part in cut_rows(body):
        try:
            row = _OBJECT.decode(part)
        except _BROKEN as error:
            refused.append(refuse(error, at, part, "rows"))
            continue
        if at == "$":
            # One object alone may be an envelope around many rows.
            yield from ((place, inner, None) for place, inner in find_records(row, path))
        else:
            yield from ((place, inner, None) for place, inner in unfold(row, at))
