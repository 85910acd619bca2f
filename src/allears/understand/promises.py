"""Promises with a deadline in what the company wrote: "we will call you back within 24 hours".

A promise needs two things near each other: somebody who undertakes something, and a time by which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import msgspec

from allears.errors import Refused

_NEAR = 90
_CLOSE_OF_DAY = time(23, 59, 59)

_UNDERTAKES = (
    # English
    r"\bwe(?:'ll| will| shall| are going to|'re going to)\b|\bi(?:'ll| will)\b|\byou(?:'ll| will) (?:receive|get|hear|have)\b"
    r"|\bwill (?:be (?:refunded|delivered|fixed|resolved|credited|shipped|processed|contacted)|call|contact|arrive|reply)\b"
    # Italian
    r"|\b(?:la|ti|vi) (?:richiameremo|contatteremo|ricontatteremo|aggiorneremo|risponderemo|rimborseremo)\b"
    r"|\bricever(?:à|ai|ete)\b|\bsar(?:à|anno) (?:rimborsat|consegnat|risolt|spedit|accreditat)\w+|\bprovvederemo\b"
    # German
    r"|\bwir (?:werden|melden|rufen|erstatten|liefern|kümmern|antworten|schicken)\b|\b(?:sie|du) (?:erhalten|erhältst|bekommen|bekommst)\b"
    r"|\bwird (?:\w+ ){0,4}(?:erstattet|geliefert|behoben|gutgeschrieben|verschickt)\b"
    # French
    r"|\bnous (?:vous|allons|reviendrons|rembourserons)\b|\bvous (?:recevrez|serez|aurez)\b"
    r"|\bsera (?:\w+ ){0,2}(?:remboursé|livré|résolu|expédié|traité|crédité)\w*"
    # Spanish
    r"|\b(?:le|te|les|os) (?:llamaremos|contactaremos|responderemos|reembolsaremos|informaremos|devolveremos|escribiremos)\b"
    r"|\b(?:recibirá|recibirás|recibirán|recibiréis)\b|\bserá (?:reembolsad|entregad|resuelt|enviad|abonad)\w+"
    # Portuguese
    r"|\b(?:ligaremos|entraremos em contato|retornaremos|responderemos|reembolsaremos|enviaremos|vamos (?:ligar|retornar|resolver|enviar))\b"
    r"|\b(?:receberá|receberão)\b|\bserá (?:reembolsad|entregue|resolvid|enviad|creditad)\w*"
)

_UNITS = {
    "minute": r"minut(?:e|es|en|os?|i)?s?|mins?",
    "hour": r"hours?|hrs?|or[ae]|stunden?|heures?|horas?|h",
    "working": r"(?:business|working) days?|giorni lavorativi|werktagen?|werktage|arbeitstagen?|jours ouvr(?:és|ables)"
    r"|días? (?:laborables|hábiles)|dias? úteis",
    "day": r"days?|giorn[oi]|tage?n?|jours?|d[ií]as?",
    "week": r"weeks?|settiman[ae]|wochen?|semaines?|semanas?",
}
_WITHIN = r"within(?: the next)?|in(?: the next)?|entro|tra|innerhalb (?:von|der nächsten)|binnen|in den nächsten|sous|dans les|d'ici|en|dentro de|en un plazo de|em(?: até)?"
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10,
    "un": 1, "una": 1, "un'": 1, "uno": 1, "due": 2, "tre": 3, "einer": 1, "einem": 1, "zwei": 2, "drei": 3,
    "une": 1, "deux": 2, "trois": 3, "dos": 2, "tres": 3, "um": 1, "uma": 1, "dois": 2, "duas": 2, "três": 3,
}  # fmt: skip
_DAYS = {
    0: "monday|lunedì|montag|lundi|lunes|segunda(?:-feira)?",
    1: "tuesday|martedì|dienstag|mardi|martes|terça(?:-feira)?",
    2: "wednesday|mercoledì|mittwoch|mercredi|miércoles|quarta(?:-feira)?",
    3: "thursday|giovedì|donnerstag|jeudi|jueves|quinta(?:-feira)?",
    4: "friday|venerdì|freitag|vendredi|viernes|sexta(?:-feira)?",
    5: "saturday|sabato|samstag|samedi|sábado",
    6: "sunday|domenica|sonntag|dimanche|domingo",
}
_BY = r"by|before|on|no later than|entro|prima di|bis(?: zum| spätestens)?|spätestens(?: am)?|am|avant|d'ici|pour|antes del?|para el|el|até"
_TODAY = r"today|tonight|oggi|stasera|heute|aujourd'hui|ce soir|hoy|hoje|(?:by )?(?:the )?end of (?:the )?(?:day|business)"
_TOMORROW = r"tomorrow|domani|morgen|demain|mañana|amanhã"


class Promise(msgspec.Struct, frozen=True):
    """A promise: when it was made, when it falls due (UTC), and the words that set the time."""

    made_at: datetime
    due_at: datetime
    words: str


def find_promises(texts: Sequence[str | None], times: Sequence[datetime]) -> list[Promise | None]:
    """Find the promise with a deadline in each text the company sent.

    Parameters
    ----------
    texts
        Outgoing texts, in English, Italian, German, French, Spanish or Portuguese.
    times
        When each was sent, with zone.

    Returns
    -------
    list
        A promise or None for each text; of several the one due first.

    Raises
    ------
    Refused
        Lengths differ, or a time has no zone.

    Examples
    --------
    >>> sent = datetime(2026, 3, 4, 10, tzinfo=UTC)  # a Wednesday
    >>> promise, nothing = find_promises(["We will call you back by Friday.", "Thank you for waiting"], [sent, sent])
    >>> promise.due_at.isoformat(), nothing
    ('2026-03-06T23:59:59+00:00', None)
    """
    if len(texts) != len(times):
        raise Refused("as many times as texts are needed")
    return [_promise(text, moment, row) for row, (text, moment) in enumerate(zip(texts, times, strict=True))]


def _promise(text: str | None, moment: datetime, row: int) -> Promise | None:
    if moment.tzinfo is None:
        raise Refused("a time without a zone", place=f"times[{row}]")
    plain = (text or "").lower().replace("’", "'")
    undertaken = [found.start() for found in _undertakes().finditer(plain)]
    if not undertaken:
        return None
    made = moment.astimezone(UTC)
    due = [
        (_due(found, made), found.group())
        for found in _deadline().finditer(plain)
        if any(abs(found.start() - place) <= _NEAR for place in undertaken)
    ]
    if not due:
        return None
    first, words = min(due)
    return Promise(made, first, words)


def _due(found: re.Match[str], made: datetime) -> datetime:
    groups = found.groupdict()
    for unit in _UNITS:
        if groups[unit]:
            # Of "3-5 days" the later number is the promise.
            return _after(made, _number(groups["upper"] or groups["amount"]), unit)
    if groups["today"]:
        return _evening(made)
    if groups["tomorrow"]:
        return _evening(made + timedelta(days=1))
    weekday = next(day for day in _DAYS if groups[f"day{day}"])
    # Named on the day itself, it means that day.
    return _evening(made + timedelta(days=(weekday - made.weekday()) % 7))


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word]


def _after(made: datetime, amount: int, unit: str) -> datetime:
    if unit == "minute":
        return made + timedelta(minutes=amount)
    if unit == "hour":
        return made + timedelta(hours=amount)
    if unit == "week":
        return _evening(made + timedelta(weeks=amount))
    if unit == "day":
        return _evening(made + timedelta(days=amount))
    while amount:
        made += timedelta(days=1)
        amount -= made.weekday() < 5
    return _evening(made)


def _evening(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), _CLOSE_OF_DAY, UTC)


@lru_cache(1)
def _undertakes() -> re.Pattern[str]:
    return re.compile(_UNDERTAKES)


@lru_cache(1)
def _deadline() -> re.Pattern[str]:
    number = r"\d{1,3}|" + "|".join(_NUMBERS)
    units = "|".join(f"(?P<{name}>{unit})" for name, unit in _UNITS.items())
    days = "|".join(f"(?P<day{day}>{names})" for day, names in _DAYS.items())
    return re.compile(
        rf"\b(?:{_WITHIN}) (?P<amount>{number})(?:\s?(?:-|–|to|a|bis|à)\s?(?P<upper>\d{{1,3}}))?\s?(?:{units})\b"
        rf"|\b(?:{_BY}) (?:{days})\b|\b(?P<tomorrow>{_TOMORROW})\b|\b(?P<today>{_TODAY})\b"
    )
