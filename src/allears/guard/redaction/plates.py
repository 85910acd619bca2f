"""Licence plates: the shapes of six countries and some more, where a word announces one; an order number looks no different."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, bounded

_SHAPE = (
    r"[a-z]{2}[ \-]?\d{3}[ \-]?[a-z]{2}"  # Italy, France
    r"|\d{1,4} [a-z]{2,3} \d{2}"  # France, before 2009
    r"|[a-zäöü]{1,3}[ \-][a-z]{1,2}[ \-]?\d{1,4}[eh]?"  # Germany
    r"|\d{4}[ \-]?[bcdfghjklmnprstvwxyz]{3}|[a-z]{1,2}-\d{4}-[a-z]{1,2}"  # Spain
    r"|[a-z]{2}-\d{2}-[a-z]{2}|\d{2}-[a-z]{2}-\d{2}|\d{2}-\d{2}-[a-z]{2}|[a-z]{2}-\d{2}-\d{2}"  # Portugal
    r"|[a-z]{3}[ \-]?\d[a-z\d]\d{2}"  # Brazil
    r"|[a-z]{2}\d{2} ?[a-z]{3}|[a-z]\d{1,3} ?[a-z]{3}"  # United Kingdom
    r"|\d[a-z]{3}\d{3}|[a-z]{3}[ \-]?\d{3,4}|\d{3}[ \-]?[a-z]{3}"  # United States
)
_PLATE = Pattern(
    r"(?i)\b(?:(?:number|licen[cs]e|reg(?:istration)?|car) ?plates?|plate|(?:car|vehicle) reg(?:istration)?|registration(?: number| no\.?)?|targa(?:ta|to)?|kfz-?kennzeichen|(?:auto)?kennzeichen"
    rf"|(?:plaque )?immatricul\p{{L}}+|matr[íi]cula|placa)\b[^\x00\n0-9]{{0,20}}[^\x00\n0-9\p{{L}}](?:{_SHAPE})\b"
)
_LAST = re.compile(rf"(?i)(?<![^\W_])(?:{_SHAPE})$")


def judge_plate(candidate: Candidate) -> Iterable[Find]:
    """Hide the plate, keep the words that announce it."""
    match = _LAST.search(candidate.found)
    if match and any(map(str.isdigit, match[0])) and bounded(candidate.text, candidate.start, candidate.end):
        yield Find(candidate.start + match.start(), candidate.end, "PLATE")


RULES = (Rule(_PLATE, judge_plate),)
