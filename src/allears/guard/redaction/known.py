"""What is already known of a message's customer, looked for in that message: names, handles, numbers, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from allears.guard.redaction.diminutives import DIMINUTIVES
from allears.guard.redaction.folding import fold
from allears.guard.redaction.rule import Find, bounded, words

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
# Names that are also everyday words: only a capital letter makes them a name.
_WORDS = words("""will mark rose grace hope faith joy may june april august summer dawn eve angel art bill bob chance chase clay cliff dean drew earl frank gene grant guy hunter
    jack jade jay jean king lane lee long major max miles nick noble olive page park pat paul penny rich rob robin rock sandy sky star storm sue sun victor young white black brown
    green best good day low price bank church short small little love banks case cook cross rice stone wood woods read reed west north moss bush ford fields hill hall mari
    van von der den del della dei las los dos das the and sole luna rosa bianca viola grande belle bon petit bella mia vita costa sala serra pace leone""")
_SMALL_WORDS = words("""an in so do no am as at be by go he if is it me my of oh ok on or to up us we la le el il lo da de di du un al ed en et es ei ja zu um im ma se si su te ti tu mi ho ha hi
    id it us uk eu pc tv or os as em na ou vs""")
_ROLES = words("info support hello contact sales admin office service mail help team billing noreply")
# Umlauts written as two letters: Müller, Mueller.
_UMLAUTS = str.maketrans(
    dict(zip("äöüÄÖÜåøÅØ", ("ae", "oe", "ue", "Ae", "Oe", "Ue", "aa", "oe", "Aa", "Oe"), strict=True))
)
_DIGIT_RUN = re.compile(r"\+?\d(?:[ .\-/()\u00a0]{0,3}\d){6,}")


class Needle(NamedTuple):
    """Something to look for, folded; ``capital``: counts only where it is written with a capital letter."""

    text: str
    type: str
    capital: bool


def needles(type_: str, value: str) -> tuple[Needle, ...]:
    """Say what to look for when this is known of somebody.

    Examples
    --------
    >>> [needle.text for needle in needles("name", "Ada Noël")]
    ['ada noel', 'a. noel', 'a.noel', 'a noel', 'a.n.', 'ada', 'noel', 'adas', 'noels']
    """
    folded, mark = fold(value).text.strip(), KNOWN_TYPES.get(type_, "ID")
    if mark == "NAME":
        umlauts = folded if value.isascii() else fold(value.translate(_UMLAUTS)).text.strip()
        if umlauts == folded:
            return tuple(_name_needles(folded))
        return tuple(dict.fromkeys((*_name_needles(folded), *_name_needles(umlauts))))
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
    parts = [part for part in re.split(r"[^\w]+", whole) if part and not part.isdigit()]
    if len(whole) >= _SHORTEST_NAME and " " in whole:
        yield Needle(whole, "NAME", False)
    if len(parts) >= 2 and whole:
        first, last = parts[0], whole.split()[-1]
        if len(last) >= _SHORTEST_NAME:
            yield from (Needle(f"{first[0]}{dot}{last}", "NAME", False) for dot in (". ", ".", " "))
        yield Needle(".".join(part[0] for part in parts) + ".", "NAME", False)
    forms: dict[str, bool] = {}
    for part in parts:
        for form, capital in _forms(part):
            forms.setdefault(form, capital)
    for word in whole.split():
        if "-" in word or "'" in word:
            forms.setdefault(word, False)
            forms.setdefault(re.sub("['-]", "", word), False)
    for form, capital in sorted(forms.items(), key=lambda item: (item[1], item[0])):
        if len(form) >= _SHORTEST_NAME or (len(form) == 2 and form not in _SMALL_WORDS):
            yield Needle(form, "NAME", capital or len(form) < _SHORTEST_NAME)


@lru_cache(maxsize=1 << 14)
def _forms(part: str) -> tuple[tuple[str, bool], ...]:
    """Give the forms of one word of a name, and whether only a capital letter makes each a name."""
    forms: dict[str, bool] = {}
    for form in _spellings(part):
        forms.setdefault(form, form in _WORDS)
        # A genitive has its capital: "Annas Paket".
        forms.setdefault(form + "s", True)
    for short in DIMINUTIVES.get(part, ()):
        forms.setdefault(short, short in _WORDS or len(short) <= _SHORTEST_NAME)
    return tuple(forms.items())


def _spellings(part: str) -> Iterator[str]:
    """Say how a name is written on keyboards that lack its letters; a text's accents are folded away already."""
    yield part
    for letter, pair in (("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("þ", "th")):
        if letter in part:
            yield part.replace(letter, pair)
    for pair, letter in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        if pair in part and len(part) > _SHORTEST_NAME + 1:
            yield part.replace(pair, letter)


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
