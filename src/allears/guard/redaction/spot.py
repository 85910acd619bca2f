"""Spot everything personal in a batch: all messages in one buffer, each pattern run over it once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from allears.guard.redaction import (
    birthdays,
    capitals,
    firms,
    links,
    locations,
    moments,
    names,
    numbers,
    places,
    plates,
)
from allears.guard.redaction.folding import plain
from allears.guard.redaction.known import KnownSeeker
from allears.guard.redaction.placeholder import PLACEHOLDER
from allears.guard.redaction.rule import Candidate, Find, Rule
from allears.guard.redaction.spotter import Spotter, ask

RULES: tuple[Rule, ...] = (
    *links.RULES,
    *numbers.RULES,
    *birthdays.RULES,
    *plates.RULES,
    *places.RULES,
    *names.RULES,
    *locations.RULES,
    *moments.RULES,
    *firms.RULES,
    *capitals.RULES,
)
_END = "\x00"
_BATCH = 20_000
_STRENGTH = {
    name: rank
    for rank, name in enumerate(
        (
            "URL",
            "SECRET",
            "EMAIL",
            "CARD",
            "IBAN",
            "ID",
            "IP",
            "PHONE",
            "BIRTHDAY",
            "PLATE",
            "ADDRESS",
            "ACCOUNT",
            "DEVICE",
            "HANDLE",
            "NAME",
            "QUERY",
            "ORGANISATION",
            "PLACE",
            "TITLE",
            "DATE",
            "SITE",
            "AMOUNT",
            "NATIONALITY",
        )
    )
}
Known = Sequence[tuple[str, str]]


def spot(
    texts: Sequence[str],
    known: Sequence[Known | None] | None,
    region: str,
    kinds: Collection[str] = (),
    spotter: Spotter | None = None,
) -> Iterator[list[Find]]:
    """Find what is personal in each text: sorted, without overlaps, at that text's own offsets."""
    rules = tuple(rule for rule in RULES if not rule.kind or rule.kind in kinds)
    for start in range(0, len(texts), _BATCH):
        some = texts[start : start + _BATCH]
        about = None if known is None else known[start : start + _BATCH]
        yield from _spot_batch(some, about, region, rules, spotter)


def _spot_batch(
    texts: Sequence[str],
    known: Sequence[Known | None] | None,
    region: str,
    rules: tuple[Rule, ...],
    spotter: Spotter | None,
) -> list[list[Find]]:
    text = _END.join(texts)
    if text.count(_END) != len(texts) - 1:
        text = _END.join(message.replace(_END, " ") for message in texts)
    lows = [0, *accumulate(len(message) + 1 for message in texts)]
    found: list[list[Find]] = [[] for _ in texts]
    # Rules read a text without tricks: other digits in ASCII, nothing invisible between two characters.
    clear, places = plain(text)
    marks = lows if places is None else np.searchsorted(places, lows).tolist()
    for start, end, rule in _candidates(clear, rules):
        place = bisect_right(marks, start) - 1
        candidate = Candidate(clear, start, end, marks[place], marks[place + 1] - 1, region)
        finds = rule.judge(candidate)
        found[place].extend(finds if places is None else (_back(find, places) for find in finds))
    if known is not None:
        seeker = KnownSeeker(text)
        for place, pairs in enumerate(known):
            if pairs:
                found[place].extend(seeker.seek(lows[place], lows[place + 1] - 1, pairs))
    if spotter is not None:
        for place, finds in enumerate(ask(spotter, texts)):
            low = lows[place]
            found[place].extend(Find(low + find.start, low + find.end, find.type) for find in finds)
    return [
        _settle(text, lows[place], lows[place + 1] - 1, finds) if finds else finds
        for place, finds in enumerate(found)
    ]


def _back(find: Find, places: Any) -> Find:
    return Find(int(places[find.start]), int(places[find.end - 1]) + 1, find.type)


def _candidates(text: str, rules: tuple[Rule, ...]) -> Iterator[tuple[int, int, Rule]]:
    data = text.encode("utf-8", "replace")
    characters = None if len(data) == len(text) else _character_places(data)
    for rule in rules:
        if rule.needs and rule.needs not in data:
            continue
        for match in rule.pattern.finditer(data):
            start, end = match.span()
            if characters is not None:
                start, end = int(characters[start]), int(characters[end])
            yield start, end, rule


def _character_places(data: bytes) -> Any:
    octets = np.frombuffer(data, dtype=np.uint8)
    begins = (octets & 0xC0) != 0x80
    return np.concatenate((np.cumsum(begins, dtype=np.int64) - begins, [int(begins.sum())]))


def _settle(text: str, low: int, high: int, finds: list[Find]) -> list[Find]:
    """Join what overlaps into one find: nothing that any rule found is left showing."""
    taken = (
        [(m.start(), m.end()) for m in PLACEHOLDER.finditer(text, low, high)]
        if text.find("<", low, high) >= 0
        else []
    )
    finds = [f for find in finds for f in _around(find, taken)] if taken else finds
    finds.sort(key=lambda find: (find.start, -find.end))
    settled: list[Find] = []
    best: Find | None = None
    for find in finds:
        last = settled[-1] if settled else None
        if last is not None and best is not None and (find.start < last.end or _one_name(text, last, find)):
            best = min(best, find, key=_strength) if find.start < last.end else best
            settled[-1] = Find(last.start, max(last.end, find.end), best.type)
        else:
            best = find
            settled.append(find)
    return [Find(find.start - low, find.end - low, find.type) for find in settled]


def _strength(find: Find) -> tuple[int, int]:
    return find.start - find.end, _STRENGTH.get(find.type, 99)


def _one_name(text: str, last: Find, find: Find) -> bool:
    return last.type == find.type == "NAME" and text[last.end : find.start] in {" ", "-"}


def _around(find: Find, taken: list[tuple[int, int]]) -> Iterator[Find]:
    """Cut a find at placeholders that an earlier redaction left."""
    start = find.start
    for low, high in taken:
        if high <= start or low >= find.end:
            continue
        if low > start:
            yield Find(start, low, find.type)
        start = high
    if start < find.end:
        yield find._replace(start=start)
