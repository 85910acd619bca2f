"""What a rule is: a pattern that finds candidates fast, and a judge that looks closely at the few it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import re2

_MEMORY = 64 << 20


class Find(NamedTuple):
    """Something personal, at character offsets of the text that was searched."""

    start: int
    end: int
    type: str


class Candidate(NamedTuple):
    """A stretch of a longer text that a pattern pointed at.

    ``low`` and ``high`` bound the message it stands in; a judge looks no further.
    """

    text: str
    start: int
    end: int
    low: int
    high: int
    region: str

    @property
    def found(self) -> str:
        """Return what the pattern matched."""
        return self.text[self.start : self.end]

    def before(self, characters: int) -> str:
        """Return what stands just before, within the message."""
        return self.text[max(self.low, self.start - characters) : self.start]

    def after(self, characters: int) -> str:
        """Return what follows, within the message."""
        return self.text[self.end : min(self.high, self.end + characters)]


Judge = Callable[[Candidate], Iterable[Find]]


class Rule(NamedTuple):
    """A pattern over UTF-8 bytes and the judge of what it finds.

    ``needs``: without these bytes there is nothing to find. ``kind``: of which policy this is; none: always sought.
    """

    pattern: Any
    judge: Judge
    needs: bytes = b""
    kind: str = ""


class Pattern:
    """A pattern of RE2, whose time is linear in the text whatever the text is. Compiled when first asked: most commands read no text."""

    def __init__(self, written: str) -> None:
        self._written = written

    @cached_property
    def _compiled(self) -> Any:
        options = re2.Options()
        options.max_mem = _MEMORY
        options.log_errors = False
        options.never_capture = True
        return re2.compile(self._written, options)

    def finditer(self, data: bytes) -> Iterator[Any]:
        """Find each place."""
        found: Iterator[Any] = self._compiled.finditer(data)
        return found

    def search(self, data: bytes, start: int = 0) -> Any:
        """Find the first place from ``start`` on."""
        return self._compiled.search(data, start)


def whole(type_: str) -> Judge:
    """Take a candidate as it stands."""

    def judge(candidate: Candidate) -> Iterable[Find]:
        return (Find(candidate.start, candidate.end, type_),)

    return judge


def bounded(text: str, start: int, end: int) -> bool:
    """Tell whether a stretch neither begins nor ends in the middle of a word."""
    return begins(text, start) and (end >= len(text) or not (_wordy(text[end]) and _wordy(text[end - 1])))


def words(text: str) -> frozenset[str]:
    """Turn a line of words into a set."""
    return frozenset(text.split())


def begins(text: str, start: int) -> bool:
    """Tell whether a stretch does not begin in the middle of a word."""
    return start == 0 or not (_wordy(text[start - 1]) and _wordy(text[start]))


def _wordy(character: str) -> bool:
    return character.isalnum() or character == "_"
