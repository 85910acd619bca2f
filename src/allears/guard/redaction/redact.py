"""Redact: replace what is personal by typed, numbered placeholders, before anything else sees the text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa

from allears.errors import Refused
from allears.guard.redaction.level import Level, hidden_kinds
from allears.guard.redaction.placeholder import Numbering, replace
from allears.guard.redaction.properties import redact_json
from allears.guard.redaction.spot import Known, spot
from allears.guard.redaction.spotter import Spotter

__all__ = ["Redacted", "Span", "redact", "redact_json"]


class Span(NamedTuple):
    """Where something personal stood in the original text, in characters, and what it was."""

    start: int
    end: int
    type: str


class Redacted(NamedTuple):
    """Redacted texts and, for each, what was replaced, sorted by place."""

    texts: list[str | None]
    spans: list[list[Span]]


def redact(
    texts: Sequence[str | None] | pa.Array | pa.ChunkedArray,
    known: Sequence[Known | None] | None = None,
    *,
    region: str = "US",
    level: Level = "standard",
    also: Collection[str] = (),
    keep: Collection[str] = (),
    spotter: Spotter | None = None,
) -> Redacted:
    """Replace what is personal by placeholders such as ``<EMAIL_1>``.

    Patterns are confirmed by check digits where there are any; besides, whatever is already known of a message's
    customer is looked for, without regard to case and accents.

    Parameters
    ----------
    texts
        Messages, a list or an Arrow column of strings; ``None`` stays ``None``.
    known
        For each message what is known of its customer, as (type, value): name, handle, email, phone, address,
        birthday, account, user_id, device.
    region
        ISO country assumed for phone numbers without a prefix.
    level
        ``standard`` hides what points at a person; ``strict`` also what tells about somebody together with something
        else: places, organisations, dates, titles, nationalities, sites, and capitalised words that no list knows.
    also, keep
        Kinds of `allears.guard.redaction.level.KINDS` to hide besides, and to leave readable, whatever the level.
    spotter
        A model that finds more; see `allears.guard.redaction.spotter.Spotter`.

    Returns
    -------
    Redacted
        Texts in order, numbered within each text, the same value under the same number; and their spans.

    Raises
    ------
    Refused
        ``known`` is not as long as ``texts``; no such level or kind; a spotter's answer does not fit its texts.

    Notes
    -----
    All messages are searched together, so many at a time cost far less than one at a time.

    Examples
    --------
    >>> redact(["write to ada@example.com, not bob@example.com, thanks ADA"], [[("name", "Ada Lace")]]).texts
    ['write to <EMAIL_1>, not <EMAIL_2>, thanks <NAME_1>']
    >>> redact(["Since 3 May nobody at Nadir Shipping Ltd. answers."], level="strict").texts
    ['Since <DATE_1> nobody at <ORGANISATION_1> answers.']
    """
    kinds = hidden_kinds(level, also, keep)
    if isinstance(texts, pa.Array | pa.ChunkedArray):
        texts = texts.to_pylist()
    if known is not None and len(known) != len(texts):
        raise Refused(
            "expected as many known values as texts", place="known", texts=len(texts), known=len(known)
        )
    kept = [place for place, text in enumerate(texts) if text]
    some = [text for text in texts if text]
    about = None if known is None else [known[place] for place in kept]
    redacted, spans = list(texts), [[] for _ in texts]  # type: tuple[list[str | None], list[list[Span]]]
    for place, text, finds in zip(kept, some, spot(some, about, region, kinds, spotter), strict=True):
        if finds:
            redacted[place] = replace(text, finds, Numbering(text))
            spans[place] = [Span(*find) for find in finds]
    return Redacted(redacted, spans)
