"""Dates of birth, by the words around them: they always go, other dates only where a space asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allears.guard.redaction.moments import MONTH
from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, bounded

_DATE = r"\d{1,4}[./\- ]\d{1,2}[./\- ]\d{2,4}|\d{1,2}(?:st|nd|rd|th|er|\.|º|°)?(?: of| de)? \p{L}{3,10}\.?,?(?: de)? \d{4}|\p{L}{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
_DAY = (
    rf"\d{{1,2}}(?:st|nd|rd|th|er|\.|º|°)?(?: of| de)? (?:{MONTH})\b|(?:{MONTH}) \d{{1,2}}(?:st|nd|rd|th)?\b"
)
_BIRTHDAY = Pattern(
    r"(?i)(?:\b(?:born|birth(?:day|date)?|b-?day|d\.?o\.?b\.?|nat[oa]|nascita|compleanno|geboren|geb\.|geburtstag|geburtsdatum|née?|naissance|anniversaire|nacid[oa]|nacimiento|cumpleaños"
    rf"|nascid[oa]|nascimento|anivers[áa]rio))[^\x00\n0-9]{{0,30}}(?:{_DATE})"
    rf"|(?i)\b(?:birthday|b-?day|compleanno|geburtstag|anniversaire|cumpleaños|anivers[áa]rio)(?:[^\x00\n0-9]{{0,20}}[^\x00\n0-9\p{{L}}])?(?:{_DAY})"
)
_LAST_DATE = re.compile(
    r"\d{1,4}[./\- ]\d{1,2}[./\- ]\d{2,4}$|\d{1,2}\S{0,2}(?: of| de)? [^\W\d]{3,10}\.?,?(?: de)? \d{4}$|[^\W\d]{3,10}\.? \d{1,2}\w{0,2},? \d{4}$"
    r"|\d{1,2}\S{0,2}(?: of| de)? [^\W\d]{3,10}$|[^\W\d]{3,10} \d{1,2}\w{0,2}$"
)


def judge_birthday(candidate: Candidate) -> Iterable[Find]:
    """Hide the date, keep the words that announce it."""
    match = _LAST_DATE.search(candidate.found)
    if match and bounded(candidate.text, candidate.start, candidate.end):
        yield Find(candidate.start + match.start(), candidate.end, "BIRTHDAY")


RULES = (Rule(_BIRTHDAY, judge_birthday),)
