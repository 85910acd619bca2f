"""Towns, regions, countries and who comes from there: nobody's in particular, hidden where a space asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from allears.guard.redaction.gazetteer import listed
from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, bounded, words

REGIONS = words(
    """Africa America Asia Europe Oceania Antarctica Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Hawaii Idaho Illinois Indiana Iowa
    Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana Nebraska Nevada Ohio Oklahoma Oregon Pennsylvania Tennessee Texas
    Utah Vermont Virginia Washington Wisconsin Wyoming Ontario Quebec Québec Manitoba Saskatchewan Alberta England Scotland Wales Britain Cornwall Yorkshire Kent Essex Sussex
    Surrey Devon Dorset Norfolk Suffolk Toscana Tuscany Lombardia Lombardy Piemonte Piedmont Sicilia Sicily Sardegna Sardinia Veneto Lazio Campania Puglia Calabria Liguria
    Umbria Marche Abruzzo Bayern Bavaria Hessen Sachsen Saxony Thüringen Brandenburg Niedersachsen Saarland Schleswig Westfalen Bretagne Brittany Normandie Normandy Provence
    Alsace Lorraine Bourgogne Burgundy Aquitaine Occitanie Corse Corsica Andalucía Andalusia Cataluña Catalonia Galicia Asturias Aragón Navarra Extremadura Castilla Algarve
    Alentejo Minho Madeira Azores Açores Bahia Paraná Ceará Pernambuco Goiás Amazonas Balkans Scandinavia Caribbean Caraibi Orleans Vegas Diego Antonio Angeles Francisco Jose"""
)
"""Regions by their own names, and second halves of towns: none is a person's surname by itself."""

_MORE = frozenset(
    """new york|new jersey|new mexico|new hampshire|north carolina|south carolina|north dakota|south dakota|west virginia|rhode island|new england|new orleans|northern ireland
    |united states|united kingdom|great britain|usa|hong kong|south korea|north korea|czech republic|ivory coast|burma|macedonia|swaziland|cape verde""".replace(
        "\n    ", ""
    ).split("|")
)
PLACES = (
    frozenset(
        place.lower()
        for place in listed("places") | (REGIONS - words("Jose Diego Antonio Francisco Angeles"))
    )
    | _MORE
)
_LONGEST = 5
_WORD = re.compile(
    rb"(?<![A-Za-z0-9_@#\x80-\xff])[A-Za-z\xc3-\xc5\xce\xcf\xd0\xd1][A-Za-z\x80-\xbf\xc3-\xdf'\-]+"
)
_FIRST = frozenset(place.split(" ")[0].encode() for place in PLACES if len(place.split(" ")[0]) > 2)
_NEXT = re.compile(r"[ \-]([^\W\d_][\w'’.\-]*)")
_ZIP = re.compile(r",?[ \n]{1,2}\d{4,6}(?:-\d{3,4})?(?!\w)")
# As lower-case words these are everyday words in some language.
_WORDS = words("""turkey china jordan chad mali niger togo cuba georgia panama polo lima male nice bath reading mobile split este lecce orange corona santa para cali
    vina roma come serra sera loja natal salto union victoria florence paris mainz sion mans tours best same ware bari""")
_MOVED = Pattern(
    r"(?i)\b(?:liv(?:e|es|ed|ing) in|mov(?:ed|ing)(?: here)? (?:to|from)|(?:comes?|came|coming) from|born in|based in|travel(?:led|ling)? to|trip to|visit(?:ed|ing)?|flying to"
    r"|flew to|abito a|vivo (?:a|en|em)|nat[oa] a|nacid[oa] en|nascid[oa] em|né[e]? à|habite à|wohne in|geboren in|komme aus|i am in|i'm in)"
    r" \p{Lu}[\p{L}\p{M}'’.\-]+(?: (?:(?:di|de|del|della|d'|du|la|le|den|der|am|an|nad|sur|upon|on|the|of|and) )?\p{Lu}[\p{L}\p{M}'’.\-]+){0,3}"
)
NATIONALITIES = words(
    """afghan albanian algerian american argentine argentinian armenian australian austrian bangladeshi belgian bolivian bosnian brazilian british bulgarian cambodian canadian chilean
    chinese colombian croatian cuban czech danish dutch ecuadorian egyptian english estonian ethiopian filipino finnish french georgian german ghanaian greek haitian hungarian icelandic
    indian indonesian iranian iraqi irish israeli italian jamaican japanese jordanian kenyan korean kuwaiti latvian lebanese libyan lithuanian malaysian maltese mexican moldovan moroccan
    nepalese nigerian norwegian pakistani palestinian peruvian portuguese romanian russian saudi scottish serbian singaporean slovak slovenian somali spanish sudanese swedish swiss syrian
    taiwanese thai tunisian turkish ukrainian uruguayan venezuelan vietnamese welsh italiano italiana italiani italiane tedesco tedesca tedeschi tedesche francese francesi spagnolo spagnola
    portoghese inglese inglesi rumeno rumena albanese albanesi marocchino marocchina cinese cinesi italiener italienerin franzose französin spanier spanierin türke türkin polin
    français française allemand allemande italien italienne espagnol espagnole portugais portugaise marocain marocaine algérien algérienne español española alemán alemana francés francesa
    portugués portuguesa brasileiro brasileira brasileño brasileña alemão alemã"""
)
_NATIONALITY = Pattern(
    r"(?i)\b(?:polish (?:citizen|national|customer|people|man|woman)|"
    + "|".join(sorted(NATIONALITIES, reverse=True))
    + r")\b"
)


class Places:
    """Words that begin a place on the list, in any case."""

    def finditer(self, data: bytes) -> Iterator[Any]:
        """Find words whose first part begins a listed place."""
        first = _FIRST
        for match in _WORD.finditer(data):
            word = match[0]
            if (word if word.islower() else word.decode("utf-8", "replace").lower().encode()).partition(b"'")[
                0
            ] in first:
                yield match


def judge_place(candidate: Candidate) -> Iterable[Find]:
    """Take the longest place that begins here, and the postcode after it; a lower-case word of every day is none."""
    end, taken = candidate.end, candidate.found.lower().partition("'")[0]
    end = candidate.start + len(taken)
    best = end if taken in PLACES else 0
    for _ in range(_LONGEST - 1):
        match = _NEXT.match(candidate.text, end, candidate.high)
        if match is None:
            break
        end = match.end()
        taken = candidate.text[candidate.start : end].lower().rstrip(".")
        if taken in PLACES:
            best = candidate.start + len(taken)
    place = candidate.text[candidate.start : best] if best else ""
    if (
        not best
        or (place.islower() and place in _WORDS)
        or not bounded(candidate.text, candidate.start, best)
    ):
        return
    zip_code = _ZIP.match(candidate.text, best, candidate.high)
    yield Find(candidate.start, zip_code.end() if zip_code else best, "PLACE")


def judge_moved(candidate: Candidate) -> Iterable[Find]:
    """Take the capitalised words after "lives in", "moved to"."""
    match = re.search(
        r"[ ]((?:[A-ZÀ-ÖØ-ÞĀ-ſΑ-Ω][\w'’.\-]*)(?: (?:[^\W\d_]{1,5} )?[^\W\d_][\w'’.\-]*)*)$", candidate.found
    )
    if match and bounded(candidate.text, candidate.start, candidate.end):
        start = candidate.start + match.start(1)
        yield Find(start, start + len(match[1].rstrip(".'’-")), "PLACE")


def judge_nationality(candidate: Candidate) -> Iterable[Find]:
    """Take the word as it stands."""
    if bounded(candidate.text, candidate.start, candidate.end):
        yield Find(candidate.start, candidate.end, "NATIONALITY")


RULES = (
    Rule(Places(), judge_place, kind="PLACE"),
    Rule(_MOVED, judge_moved, kind="PLACE"),
    Rule(_NATIONALITY, judge_nationality, kind="NATIONALITY"),
)
