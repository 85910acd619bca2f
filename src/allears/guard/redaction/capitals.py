"""Words that look like a name though no list knows them: capitals in the middle of a sentence, listed names in small letters.

A guess, for spaces that would rather hide too much. In German every noun has a capital, and in shouting or headlines every
word: there capitals tell nothing, and nothing is guessed from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any

from allears.guard.redaction.brands import BRANDS
from allears.guard.redaction.gazetteer import listed
from allears.guard.redaction.locations import NATIONALITIES, PLACES
from allears.guard.redaction.names import NEVER, PARTICLE, given, surnames
from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, words

_CAP = r"\p{Lu}[\p{L}\p{M}\p{N}'’\-]*"
_RUN = Pattern(rf"{_CAP}(?:\.? (?:{PARTICLE} )?{_CAP}){{0,5}}")
_TOKEN = re.compile(r"[^\W_][\w'’\-]*")
_GERMAN = words(
    "der die das und ich ist nicht ein eine einen mit für auf zu den dem wir sie es von bei habe war wird sind aber auch wie noch mein meine kein keine"
)
_ENGLISH = words("the is to and of a in it for my was on with you that have this are be i at from not your")
_EVERYDAY = listed("everyday")
_ALSO_EVERYDAY = words(
    """dad mum mom mr mrs ms ok okay app apps wifi internet email emails website online lol omg thx pls plz tv pc mac dm dms faq ceo cfo cto usa uk eu asap id ids sms pin atm vat iban
    ive im dont cant wont thats whats didnt doesnt isnt youre theyre gonna gotta wanna hubby congrats gotcha tks yeah nope yep um umm uh heck wtf smh btw fyi imo rt cc ps
    sim gps usb hdmi covid hello hi hey thanks christmas easter monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december"""
)
_NEAR = re.compile(r"(?i)\b(?:in|from|to|at|near|via|around|towards?|outside|a|aus|nach|en|em|à|de|desde) $")
_AMID = re.compile(r"(?:^|[\s(\"“«])(?![@#]|https?:)[^\s@#]*[\w,;'’)][ ]{1,2}[\"“«(]?$")
_CONTRACTED = re.compile(r"(?i)(?:n['’]t|['’](?:re|ve|ll|d|m))$")
_ACRONYM_AT_MOST = 5
_ACRONYM = re.compile(r"[A-Z0-9&]{2,4}s?")
_PERSON = re.compile(
    r"(?i)\b(?:told|said|says|asked|named|called|met|by|with|mr\.?|mrs\.?|ms\.?|dr\.?|miss|leave me|between|ex-|tribute to|fan of|and|is|was|from|unlike the|directed by|starring) $"
)
_TITLED = re.compile(
    r"(?i)\b(?:mr|mrs|ms|mx|miss|dr|prof|sir|sig|sig\.ra|herr|frau|mme|mlle|monsieur|madame|sr|sra|srta|señora?|senhora?)\.? $"
)
_TRADE = words(
    """flight flights late cancelled canceled booking problems problem customer customers service services gate agent agents status rewards club card cards account bank update updates app
    support team tech terminal airport airline airlines airways platinum gold silver elite premium plus pro max mini air pass ticket tickets order orders store stores online settings general
    transaction transfer exchange virtual secure pay top watch top-up dm game games phone email department manager supervisor director president court street bill act credit report loan mortgage"""
)
_NO_NAMES = NEVER | _ALSO_EVERYDAY | _TRADE | NATIONALITIES
_SPACE = ord(" ")
# What no word that announces a person (`_PERSON`) ends in.
_BETWEEN = frozenset(range(128)) - frozenset(b".-") - frozenset(c for c in range(128) if chr(c).isalnum())
_POSSESSIVE = ("'s", "’s")
_SHORT = 4
_MOSTLY = 0.6
_SMALL_WORD = re.compile(
    rb"(?<![A-Za-z0-9_@#./\x80-\xff'-])[a-z\xc3-\xc5][a-z\x80-\xbf\xc3-\xc5]{3,}(?:-[a-z\x80-\xbf\xc3-\xc5]+)?(?![A-Za-z0-9_@/\x80-\xff-])"
)
_SMALL_NEXT = re.compile(r" ((?:van |von |de |da |dos )?[^\W\d_]{3,}(?:[\-'’][^\W\d_]+)*)")
_ASK = Pattern(
    r"(?i)\b(?:why is|where is|who is|named (?:him|her|it)|called (?:him|her)|says|said|whose name is|tell|ask|asked|met|says|by|directed by|starring|novel by|with|and|ex-\w+) [\p{L}\-]{4,}"
)


class Runs:
    """Runs of capitalised words; most are one everyday word that begins a sentence, and are passed over before anybody looks closely."""

    def __init__(self) -> None:
        self._never = frozenset(word.encode() for word in _NO_NAMES)
        self._everyday = frozenset(word.encode() for word in _EVERYDAY)

    def finditer(self, data: bytes) -> Iterator[Any]:
        """Find each that may be a name."""
        for match in _RUN.finditer(data):
            start, end = match.span()
            word = data[start:end].lower()
            if word in self._never:
                continue
            if word in self._everyday and (
                start < 2 or data[start - 1] != _SPACE or data[start - 2] in _BETWEEN
            ):
                continue
            yield match


class SmallNames:
    """Listed given names in small letters, where the word means nothing else."""

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(name.lower().encode() for name in given() if len(name) >= _SHORT)

    def finditer(self, data: bytes) -> Iterator[Any]:
        """Find each."""
        names = self._names
        for match in _SMALL_WORD.finditer(data):
            if match[0] in names:
                yield match


@lru_cache(8)
def _mood(text: str) -> tuple[bool, bool]:
    """Tell whether capitals mean something here, and whether the text is English."""
    found = _TOKEN.findall(text)
    letters = [word for word in found if word[0].isalpha()]
    small = " ".join(letters).lower().split(" ")
    german = sum(map(_GERMAN.__contains__, small))
    english = sum(map(_ENGLISH.__contains__, small))
    capital = sum(map(str.isupper, [word[0] for word in letters]))
    shouting = sum([len(word) > 1 for word in letters if word.isupper()])
    telling = not (german >= 2 and german > english) and shouting <= max(3, 0.5 * len(letters))
    return telling and (len(letters) < 6 or capital <= _MOSTLY * len(letters)), english >= 1


def judge_run(candidate: Candidate) -> Iterator[Find]:
    """Cut a run of capitalised words at everyday ones; hide the rest where a sentence's beginning does not explain it."""
    # Most capitals begin a sentence with an everyday word: looked at first, for speed.
    lower = candidate.found.lower()
    if lower in _NO_NAMES:
        return
    before = candidate.before(30)
    if lower in _EVERYDAY and not (before and _PERSON.search(before)):
        return
    telling, english = _mood(candidate.text[candidate.low : candidate.high])
    if not telling:
        return
    if before and (before[-1] in "@#_/&=<" or before[-1].isalnum()):
        return
    first = not _AMID.search(before)
    group: list[tuple[int, int, str]] = []
    for match in _TOKEN.finditer(candidate.found):
        word, start = match[0], candidate.start + match.start()
        if word.endswith(_POSSESSIVE):
            word = word[:-2]
        if not _cuts(word, first, english):
            group.append((start, start + len(word), word))
        elif group:
            yield from _hide(candidate, group, english)
            group = []
        first = False
    yield from _hide(candidate, group, english)


def _cuts(word: str, first: bool, english: bool) -> bool:
    """Tell whether a word is no part of a name, whatever its capital."""
    lower = word.lower()
    if lower in _NO_NAMES or len(word) < 2 or not lower.strip("x") or word in BRANDS:
        return True
    # Most words are letters alone: then neither of the first two is looked for.
    if not word.isalpha() and (_CONTRACTED.search(word) or (word[-1].isdigit() and not word[0].isdigit())):
        return True
    if (len(word) <= _ACRONYM_AT_MOST and _ACRONYM.fullmatch(word)) or (
        word.isupper() and lower in _EVERYDAY
    ):
        return True
    if _known(word):
        return False
    return first and (lower in _EVERYDAY or not english or lower.endswith(("ing", "ly", "ed", "n't")))


def _known(word: str) -> bool:
    return word in given() or word in surnames() or word.lower() in PLACES


def _hide(candidate: Candidate, group: list[tuple[int, int, str]], english: bool) -> Iterable[Find]:
    while group and group[0][2].islower():
        group = group[1:]
    while group and group[-1][2].islower():
        group = group[:-1]
    if not group or (len(group) == 1 and group[0][2].lower() in PLACES):
        return ()
    start, end = group[0][0], group[-1][1]
    before = candidate.text[max(candidate.low, start - 20) : start]
    if len(group) == 1 and group[0][2].lower() in _EVERYDAY and not (english and _PERSON.search(before)):
        return ()
    titled = _TITLED.search(before)
    return (
        Find(start - (len(titled[0]) if titled else 0), end, "PLACE" if _NEAR.search(before) else "NAME"),
    )


def judge_small(candidate: Candidate) -> Iterable[Find]:
    """Take the name, and the word after it unless that is an everyday one."""
    _, english = _mood(candidate.text[candidate.low : candidate.high])
    if not english:
        return
    match = _SMALL_NEXT.match(candidate.text, candidate.end, candidate.high)
    longer = (
        match is not None
        and match[1].islower()
        and match[1].split()[-1] not in _EVERYDAY
        and match[1] not in NEVER
    )
    yield Find(candidate.start, match.end() if match and longer else candidate.end, "NAME")


def judge_asked(candidate: Candidate) -> Iterable[Find]:
    """Take an unknown small word where a person is spoken of."""
    word = candidate.found.rpartition(" ")[2]
    _, english = _mood(candidate.text[candidate.low : candidate.high])
    after = candidate.after(1)
    if (
        not english
        or not word.islower()
        or word in _EVERYDAY
        or word in NEVER
        or (after and (after.isalnum() or after in "-'’_@"))
    ):
        return
    if word.title() in given() or word.title() in surnames() or not word.isascii():
        yield Find(candidate.end - len(word), candidate.end, "NAME")


RULES = (
    Rule(Runs(), judge_run, kind="GUESS"),
    Rule(SmallNames(), judge_small, kind="GUESS"),
    Rule(_ASK, judge_asked, kind="GUESS"),
)
