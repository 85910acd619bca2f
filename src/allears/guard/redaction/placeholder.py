"""Typed, numbered placeholders such as ``<EMAIL_1>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from allears.guard.redaction.folding import fold
from allears.guard.redaction.rule import Find

PLACEHOLDER = re.compile(r"<([A-Z]{2,12})_(\d{1,6})>")


class Numbering:
    """Gives each value a number within its type; values already replaced in the text keep theirs."""

    def __init__(self, text: str = "") -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        for match in PLACEHOLDER.finditer(text):
            self._last[match[1]] = max(self._last.get(match[1], 0), int(match[2]))

    def placeholder(self, type_: str, value: str) -> str:
        """Return the placeholder of a value."""
        key = (type_, fold(value).text)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._last[type_] = self._last.get(type_, 0) + 1
        return f"<{type_}_{number}>"


def replace(text: str, finds: Sequence[Find], numbering: Numbering) -> str:
    """Put placeholders where the finds are."""
    parts: list[str] = []
    done = 0
    for start, end, type_ in finds:
        parts += (text[done:start], numbering.placeholder(type_, text[start:end]))
        done = end
    parts.append(text[done:])
    return "".join(parts)
