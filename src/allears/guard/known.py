"""What is already known of a message's customer, looked for in that message: names, handles, numbers, addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from allears.guard.rule import Find, bounded, words

KNOWN_TYPES = {
    "name": "NAME",
    "first_name": "NAME",
    "last_name": "NAME",
    "handle": "HANDLE",
    "email": "EMAIL",
    "phone": "PHONE",
    "address": "ADDRESS",
    "birthday": "BIRTHDAY",
    "account": "ACCOUNT",
    "user_id": "ID",
    "anonymous_id": "ID",
    "device": "DEVICE",
}
_SHORTEST_NAME = 3
_SHORTEST_ID = 5
_PHONE_TAIL = 7
_FOLDED = 0x3000
# Names that are also everyday words: only a capital letter makes them a name.
_WORDS = words("""will mark rose grace hope faith joy may june april august summer dawn eve angel art bill bob chance chase clay cliff dean drew earl frank gene grant guy hunter
    jack jade jay jean king lane lee long major max miles nick noble olive page park pat paul penny rich rob robin rock sandy sky star storm sue sun victor young white black brown
    green best good day low price bank church short small little love banks case cook cross rice stone wood woods read reed west north moss bush ford fields hill hall mari
    van von der den del della dei las los dos das the and sole luna rosa bianca viola grande belle bon petit bella mia vita costa sala serra pace leone""")
_ROLES = words("info support hello contact sales admin office service mail help team billing noreply")
_DIGIT_RUN = re.compile(r"\+?\d(?:[ .\-/()\u00a0]{0,3}\d){6,}")


class Needle(NamedTuple):
    """Something to look for, folded; ``capital``: counts only where it is written with a capital letter."""

    text: str
    type: str
    capital: bool


class Folded(NamedTuple):
    """Many messages in one text without case and accents; ``places`` leads back to the original, ``None``: same place."""

    text: str
    places: Any


def fold(text: str) -> Folded:
    """Take away case, accents and invisible characters.

    Examples
    --------
    >>> fold("José ÖZ").text
    'jose oz'
    """
    if text.isascii():
        return Folded(text.lower(), None)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    table = _fold_table()
    folded = np.where(codes < _FOLDED, table[np.minimum(codes, _FOLDED - 1)], codes)
    places = None
    if not folded.all():
        places = np.append(np.flatnonzero(folded), len(folded))
        folded = folded[places[:-1]]
    return Folded(folded.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass"), places)


def needles(type_: str, value: str) -> tuple[Needle, ...]:
    """Say what to look for when this is known of somebody.

    Examples
    --------
    >>> [needle.text for needle in needles("name", "Ada King-Noel")]
    ['ada king-noel', 'ada', 'noel', 'king']
    """
    folded, mark = fold(value).text.strip(), KNOWN_TYPES.get(type_, "ID")
    if mark == "NAME":
        return tuple(_name_needles(folded))
    if mark == "EMAIL":
        local = folded.partition("@")[0]
        whole = (Needle(folded, mark, False),) if "@" in folded else ()
        return whole + (
            (Needle(local, "HANDLE", False),) if len(local) >= _SHORTEST_ID and local not in _ROLES else ()
        )
    if mark == "HANDLE":
        handle = folded.lstrip("@")
        return (Needle(handle, mark, handle in _WORDS),) if len(handle) >= _SHORTEST_NAME else ()
    if mark == "ADDRESS":
        lines = [line.strip() for line in re.split(r"[,\n;]", folded)]
        wanted = [folded, *(line for line in lines if len(line) >= 6 and any(c.isdigit() for c in line))]
        return tuple(Needle(line, mark, False) for line in dict.fromkeys(wanted) if len(line) >= 6)
    return (Needle(folded, mark, False),) if len(folded) >= _SHORTEST_ID else ()


def _name_needles(folded: str) -> Iterator[Needle]:
    whole = " ".join(folded.split())
    parts = [
        part for part in re.split(r"[^\w]+", whole) if len(part) >= _SHORTEST_NAME and not part.isdigit()
    ]
    if len(whole) >= _SHORTEST_NAME and " " in whole:
        yield Needle(whole, "NAME", False)
    for part in sorted(set(parts), key=lambda part: (part in _WORDS, part)):
        yield Needle(part, "NAME", part in _WORDS)


class KnownSeeker:
    """Looks for each customer's own values in that customer's messages of one batch."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._folded = fold(text)
        self._needles: dict[tuple[str, str], tuple[Needle, ...]] = {}

    def seek(self, low: int, high: int, known: Sequence[tuple[str, str]]) -> Iterator[Find]:
        """Find one customer's values between two places of the text."""
        folded, places = self._folded
        begin, end = (
            (low, high)
            if places is None
            else (int(np.searchsorted(places, low)), int(np.searchsorted(places, high)))
        )
        for pair in known:
            sought = self._needles.get(pair)
            if sought is None:
                sought = self._needles[pair] = needles(*pair)
            for needle in sought:
                at = folded.find(needle.text, begin, end)
                while at >= 0:
                    after = at + len(needle.text)
                    if bounded(folded, at, after):
                        # The last letter takes the marks that stand on it along.
                        first, last = (at, after) if places is None else (int(places[at]), int(places[after]))
                        if not needle.capital or self._text[first].isupper():
                            yield Find(first, last, needle.type)
                    at = folded.find(needle.text, after, end)
            if pair[0] == "phone":
                yield from self._seek_phone(low, high, pair[1])

    def _seek_phone(self, low: int, high: int, value: str) -> Iterator[Find]:
        # However it is written: the last digits are the same.
        wanted = re.sub(r"\D", "", value)
        if len(wanted) < _PHONE_TAIL:
            return
        tail = wanted[-9:] if len(wanted) > 9 else wanted[-_PHONE_TAIL:]
        for match in _DIGIT_RUN.finditer(self._text, low, high):
            if re.sub(r"\D", "", match[0]).endswith(tail):
                yield Find(match.start(), match.end(), "PHONE")


@cache
def _fold_table() -> Any:
    return np.fromiter((_fold_one(code) for code in range(_FOLDED)), dtype=np.uint32, count=_FOLDED)


def _fold_one(code: int) -> int:
    character = chr(code)
    if code and unicodedata.category(character) in {"Mn", "Cf"}:
        return 0
    if code == 0:
        return 1
    base = unicodedata.normalize("NFKD", character)[0]
    base = {"ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ı": "i", "ð": "d", "’": "'"}.get(
        character, base
    )
    lower = base.lower()
    return ord(lower[0])
