"""Days and moments, and sums of money: policy, not somebody's in themselves. Birthdays are elsewhere: they always go."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, bounded

# RE2 ends a word before an accent: months with one come first.
MONTH = (
    "março|märz|février|août|décembre|jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|apr(?:il|ile)?|may|mai|jun(?:e|i)?|jul(?:y|i)?|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?"
    "|dez(?:ember)?|gen(?:naio)?|febbraio|marzo|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre|janvier|mars|avril|juin|juillet|septembre|octobre"
    "|enero|febrero|abril|mayo|junio|julio|septiembre|octubre|noviembre|diciembre|janeiro|fevereiro|maio|junho|julho|setembro|outubro|novembro|dezembro"
)
_TIME = r"(?:[ T,]{1,2}\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]\.?m\.?\b)?)?"
_DAY = Pattern(
    rf"(?i)(?:(?:19|20)\d\d[\-/.](?:1[0-2]|0?[1-9])[\-/.](?:3[01]|[0-2]?\d)|(?:3[01]|[0-2]?\d)[\-/.](?:3[01]|[0-2]?\d)[\-/.](?:(?:19|20)\d\d|\d\d)){_TIME}"
    rf"|(?:3[01]|[0-2]?\d)(?:st|nd|rd|th|º|\.)?(?: of| de)? (?:{MONTH})\b\.?(?:,?(?: de)? (?:19|20)\d\d)?{_TIME}"
    rf"|\b(?:{MONTH})\.? (?:3[01]|[0-2]?\d)(?:st|nd|rd|th)?\b(?:,? (?:19|20)\d\d)?{_TIME}"
    rf"|\b(?:{MONTH})(?: de| of)? (?:19|20)\d\d"
)
_AMOUNT = Pattern(
    r"(?i)(?:[$€£¥]|\b(?:usd|eur|gbp|chf|brl|r\$)) ?\d{1,3}(?:[.,' ]?\d{3}){0,3}(?:[.,]\d{1,2})?"
    r"|\d{1,3}(?:[.,']?\d{3}){0,3}(?:[.,]\d{1,2})? ?(?:[$€£¥]|(?:usd|eur|euros?|gbp|dollars?|pounds?|chf|reais|dólares|dollari|sterline|franken|pfund)\b)"
)


def judge_day(candidate: Candidate) -> Iterable[Find]:
    """Take a date that does not continue as another number."""
    text, end = candidate.text, candidate.end
    before, after = candidate.before(1), candidate.after(2)
    if (
        bounded(text, candidate.start, end)
        and before not in {".", "/", "-", "#"}
        and not re.match(r"[./\-]\d", after)
    ):
        yield Find(candidate.start, end, "DATE")


def judge_amount(candidate: Candidate) -> Iterable[Find]:
    """Take the sum with its currency."""
    if candidate.before(1) not in {".", ","} or not candidate.before(1):
        yield Find(candidate.start, candidate.end, "AMOUNT")


RULES = (Rule(_DAY, judge_day, kind="DATE"), Rule(_AMOUNT, judge_amount, kind="AMOUNT"))
