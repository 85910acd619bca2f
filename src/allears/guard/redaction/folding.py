"""Texts without what hides a name from a search: case, accents, invisible characters, look-alikes, other digits."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

_FOLDED = 0x3000
_WIDE = range(0xFF01, 0xFF5F)
_FANCY = range(0x1D400, 0x1D800)
_LAST = 0x1D800
_NOTHING = 0xFFFFFFFF
# Letters of other scripts that look like Latin ones; a text and what is sought in it are folded alike.
_LOOK_ALIKES = dict(
    zip("аеорсухіјѕԁһкмтвнгзАЕОРСУХІЈЅԀҺКМТВНГЗαεορτυικνηχΑΕΟΡΤΥΙΚΝΗΧΒΜΖ", "aeopcyxijsdhkmtbhr3aeopcyxijsdhkmtbhr3aeoptuikvnxaeoptyiknhxbmz", strict=True)
)  # fmt: skip
_LETTERS = {
    "ø": "o",
    "Ø": "o",
    "ł": "l",
    "Ł": "l",
    "đ": "d",
    "Đ": "d",
    "ı": "i",
    "ð": "d",
    "’": "'",
    "ʼ": "'",
}


class Folded(NamedTuple):
    """A text in which each character stands for one of the original; ``places`` leads back, ``None``: same place."""

    text: str
    places: Any


def fold(text: str) -> Folded:
    """Take away case, accents, look-alikes of other scripts and invisible characters.

    Examples
    --------
    >>> fold("José ÖZ").text
    'jose oz'
    """
    return Folded(text.lower(), None) if text.isascii() else _mapped(text, _fold_one)


def plain(text: str) -> Folded:
    r"""Take away invisible characters; write digits of any script, and full-width and fancy letters, in ASCII.

    Examples
    --------
    >>> plain("\uff14\uff11\u200b1 1\u0662").text
    '411 12'
    """
    return Folded(text, None) if text.isascii() else _mapped(text, _plain_one)


def _mapped(text: str, one: Callable[[str], str]) -> Folded:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    folded = _table(one)[np.minimum(codes, _LAST)]
    folded = np.where(codes < _LAST, folded, codes)
    places = None
    kept = folded != _NOTHING
    if not kept.all():
        places = np.append(np.flatnonzero(kept), len(folded))
        folded = folded[places[:-1]]
    return Folded(folded.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass"), places)


@cache
def _table(one: Callable[[str], str]) -> Any:
    """Map each code below `_LAST`, or to nothing. Only the ranges that change are worked out."""
    table = np.arange(_LAST + 1, dtype=np.uint32)
    for code in (*range(_FOLDED), *_WIDE, *_FANCY):
        character = chr(code)
        written = "" if unicodedata.category(character) == "Cf" else one(character)
        table[code] = ord(written) if written else _NOTHING
    return table


def _plain_one(character: str) -> str:
    if ord(character) < 0x80:
        return character
    digit = unicodedata.digit(character, None) if unicodedata.category(character) == "Nd" else None
    if digit is not None:
        return str(digit)
    if ord(character) in _WIDE or ord(character) in _FANCY:
        return unicodedata.normalize("NFKC", character)[0]
    return character


def _fold_one(character: str) -> str:
    if unicodedata.category(character) == "Mn":
        return ""
    character = _plain_one(character)
    base = unicodedata.normalize("NFKD", character)[0]
    base = _LETTERS.get(character, base)
    return _LOOK_ALIKES.get(base, base.lower()[0])
