"""Words that look like a name though no list knows them: capitals in the middle of a sentence, listed names in small letters.

A guess, for spaces that would rather hide too much. In German every noun has a capital, and in shouting or headlines every
word: there capitals tell nothing, and nothing is guessed from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from allears.guard.redaction.brands import BRANDS
from allears.guard.redaction.gazetteer import listed
from allears.guard.redaction.locations import NATIONALITIES, PLACES
from allears.guard.redaction.names import GIVEN, NEVER, PARTICLE, SURNAMES
from allears.guard.redaction.rule import Candidate, Find, Rule, compile_pattern, words

_CAP = r"\p{Lu}[\p{L}\p{M}\p{N}'’\-]*"
_RUN = compile_pattern(rf"{_CAP}(?:\.? (?:{PARTICLE} )?{_CAP}){{0,5}}")
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
_SHORT = 4
_MOSTLY = 0.6
_SMALL_WORD = re.compile(
    rb"(?<![A-Za-z0-9_@#./\x80-\xff'-])[a-z\xc3-\xc5][a-z\x80-\xbf\xc3-\xc5]{3,}(?:-[a-z\x80-\xbf\xc3-\xc5]+)?(?![A-Za-z0-9_@/\x80-\xff-])"
)
_SMALL_NEXT = re.compile(r" ((?:van |von |de |da |dos )?[^\W\d_]{3,}(?:[\-'’][^\W\d_]+)*)")
_ASK = compile_pattern(
    r"(?i)\b(?:why is|where is|who is|named (?:him|her|it)|called (?:him|her)|says|said|whose name is|tell|ask|asked|met|says|by|directed by|starring|novel by|with|and|ex-\w+) [\p{L}\-]{4,}"
)


class SmallNames:
    """Listed given names in small letters, where the word means nothing else."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower().encode() for name in names)

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
    small = [word.lower() for word in letters]
    german = sum(word in _GERMAN for word in small)
    english = sum(word in _ENGLISH for word in small)
    capital = sum(word[0].isupper() for word in letters)
    shouting = sum(len(word) > 1 and word.isupper() for word in letters)
    telling = not (german >= 2 and german > english) and shouting <= max(3, 0.5 * len(letters))
    return telling and (len(letters) < 6 or capital <= _MOSTLY * len(letters)), english >= 1


def judge_run(candidate: Candidate) -> Iterator[Find]:
    """Cut a run of capitalised words at everyday ones; hide the rest where a sentence's beginning does not explain it."""
    before = candidate.before(30)
    lower = candidate.found.lower()
    # Most capitals begin a sentence with an everyday word: looked at first, for speed.
    if lower in _NO_NAMES or (lower in _EVERYDAY and not _PERSON.search(before)):
        return
    telling, english = _mood(candidate.text[candidate.low : candidate.high])
    if not telling:
        return
    if before and (before[-1] in "@#_/&=<" or before[-1].isalnum()):
        return
    begins_sentence = not _AMID.search(before)
    tokens = [
        (m.start() + candidate.start, m.end() + candidate.start, m[0])
        for m in _TOKEN.finditer(candidate.found)
    ]
    group: list[tuple[int, int, str]] = []
    for at, token in enumerate(tokens):
        word = re.sub(r"['’]s$", "", token[2])
        token = (token[0], token[0] + len(word), word)
        first = at == 0 and begins_sentence
        if _cuts(word, first, english):
            yield from _hide(candidate, group, english)
            group = []
        else:
            group.append(token)
    yield from _hide(candidate, group, english)


def _cuts(word: str, first: bool, english: bool) -> bool:
    """Tell whether a word is no part of a name, whatever its capital."""
    lower = word.lower()
    if lower in _NO_NAMES or len(word) < 2 or set(lower) == {"x"}:
        return True
    if word in BRANDS or _CONTRACTED.search(word) or _ACRONYM.fullmatch(word):
        return True
    if (any(map(str.isdigit, word)) and not word[0].isdigit() and word[-1].isdigit()) or (
        word.isupper() and lower in _EVERYDAY
    ):
        return True
    if _known(word):
        return False
    return first and (lower in _EVERYDAY or not english or lower.endswith(("ing", "ly", "ed", "n't")))


def _known(word: str) -> bool:
    return word in GIVEN or word in SURNAMES or word.lower() in PLACES


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
    word = re.split(r"[ ]", candidate.found)[-1]
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
    if word.title() in GIVEN or word.title() in SURNAMES or not word.isascii():
        yield Find(candidate.end - len(word), candidate.end, "NAME")


RULES = (
    Rule(_RUN, judge_run, kind="GUESS"),
    Rule(SmallNames(name for name in GIVEN if len(name) >= _SHORT), judge_small, kind="GUESS"),
    Rule(_ASK, judge_asked, kind="GUESS"),
)
