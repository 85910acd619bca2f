"""Names of people, by the words around them and by a list of given names; capitalised words only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import Any

from allears.guard.redaction.brands import BRANDS
from allears.guard.redaction.firms import SUFFIX
from allears.guard.redaction.gazetteer import listed
from allears.guard.redaction.given_names import GIVEN_NAMES
from allears.guard.redaction.locations import REGIONS
from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, begins, words

# Without its accent, these are words or places.
_NOT_WITHOUT_ACCENT = {"German", "Jesus", "Angel", "Angeles", "Ines", "Remi", "Tania"}
_ALONE = 5


# The long lists are read when first asked for: most commands look at no text.
@cache
def given() -> frozenset[str]:
    """Give the given names that count alone; short ones of the long list are words somewhere, and count beside another name only."""
    plain = {
        "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
        for name in GIVEN_NAMES
    }
    long = {name for name in listed("given") if len(name) >= _ALONE} - BRANDS - REGIONS
    return frozenset(GIVEN_NAMES | (plain - _NOT_WITHOUT_ACCENT) | long)


@cache
def _paired() -> frozenset[str]:
    return given() | (listed("given") - BRANDS - REGIONS)


@cache
def surnames() -> frozenset[str]:
    """Give the surnames."""
    return listed("surnames") - BRANDS - REGIONS


_CAPITAL = r"(?:[dlDLO]['’])?\p{Lu}[\p{L}\p{M}'’\-]*"
PARTICLE = r"(?:van der|van den|van de|van het|van 't|van|von der|von|zu|de la|de las|de los|del|della|dello|dei|di|da|dos|das|do|de|du|le|la|bin|ibn|al|el|ter|ten|af)"
_NAME = rf"{_CAPITAL}\.?(?: (?:{PARTICLE} )?{_CAPITAL}\.?){{0,3}}"
_TITLED = Pattern(
    r"(?:Mr|Mrs|Ms|Mx|Miss|Mister|Dr|Prof|Professor|Doctor|Sir|Madam|MR|MRS|MS|DR|Sig|Sig\.ra|Sig\.na|Sig\.?ra|Dott|Dott\.ssa|Signor|Signora|Avv|Ing"
    r"|Herr|Herrn|Frau|Hr|Fr|Monsieur|Madame|Mademoiselle|Mme|Mlle|Señor|Señora|Señorita|Sr|Sra|Srta|Doña|Senhor|Senhora|Dra"
    r"|mr|mrs|ms|dr|sig|sig\.ra|sig\.na|dott|dott\.ssa|signora?|herrn?|frau|señora?|senhora?)\.?"
    rf" {{1,2}}(?:{PARTICLE} )?{_NAME}"
)
_TOLD = Pattern(
    r"(?:(?i:name is|name's|name was|names? ?[:=]|named (?:him|her|me)|call me|calls? me|called me|known as|(?:first|last|maiden|full|user|sur)[ \-]?name(?: is|:)?"
    r"|partner's name|wife's name|husband's name|mi chiamo|il mio nome è|ich hei(?:ß|ss)e|mein name ist|je m['’]appelle|mon nom est|me llamo|mi nombre es"
    r"|me chamo|chamo-me|o meu nome é|meu nome é|nome ?:|nom ?:|nombre ?:)[ \t]{1,8})"
    rf"(?:{PARTICLE} )?{_NAME}"
)
_RELATED = Pattern(
    r"(?i:my|his|her|our|your|mia|mio|meine?|mon|ma|mi|meu|minha) (?i:wife|husband|son|daughter|brother|sister|mother|father|mom|mum|dad|boss|colleague|friend|partner|fiancée?"
    r"|girlfriend|boyfriend|neighbou?r|moglie|marito|figlio|figlia|frau|mann|sohn|tochter|femme|mari|fils|fille|esposa|marido|hijo|hija|filho|filha),? "
    rf"{_NAME}"
    r"|(?i:agent|rep|representative|technician|driver|courier|nurse|cashier|colleague|operator|waiter|waitress|advisor|adviser|operatore|operatrice|tecnico|mitarbeiter(?:in)?)"
    rf"(?i:,? (?:named|called))? {_NAME}"
    rf"|(?i:attn:?|attention:?|c/o|under the name(?: of)?|in the name of|by name of|dictated by|authored by)[ ]{_NAME}"
)
_GREETED = Pattern(
    r"(?:(?i:hi|hello|hey|dear|ciao|salve|buongiorno|buonasera|gentile|gentilissim[oa]|car[oa]|hallo|liebe|lieber|guten tag|bonjour|bonsoir|salut|cher|chère|hola|estimad[oa]|querid[oa]"
    rf"|buenos días|olá|oi|bom dia|prezad[oa]|thanks|thank you|thx|grazie|danke|merci|gracias|obrigad[oa]|good (?:morning|afternoon|evening)),? ){_NAME}"
)
_SIGNED = Pattern(
    r"(?i:regards|best wishes|best|sincerely|faithfully|cheers|thanks|thank you|many thanks|yours|yours truly|love|greetings|(?:cordiali|distinti) saluti|saluti|grazie"
    r"|grüßen?|grüsse|gruß|lg|vg|mfg|danke|cordialement|salutations|bien à vous|merci|saludos|un saludo|atentamente|gracias|atenciosamente|cumprimentos|abraços?|obrigad[oa])"
    rf"[,.!]{{0,2}} ?\n\s{{0,3}}(?:[\-–—] ?)?{_NAME}"
)
# Letters of UTF-8 as bytes: up to three of them, without general punctuation, spaces and emoji.
_LETTER = rb"[A-Za-z\x80-\xbf\xc3-\xdf\xe0\xe1\xe3-\xef]"
_CAPITALISED = re.compile(
    rb"(?<![A-Za-z0-9_\x80-\xff])[A-Z\xc3-\xc5\xe1]" + _LETTER + rb"+(?:['\-]" + _LETTER + rb"+)*"
)


class Listed:
    """Capitalised words that stand on a list: looked up one by one, which no alternation of 30,000 names can beat."""

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(form.encode() for name in _paired() | surnames() for form in (name, name.upper()))

    def finditer(self, data: bytes) -> Iterator[Any]:
        """Find each capitalised word whose whole or first part is listed."""
        names = self._names
        for match in _CAPITALISED.finditer(data):
            word = match[0]
            if word in names or (
                (b"'" in word and word.partition(b"'")[0] in names)
                or (b"-" in word and word.partition(b"-")[0] in names)
            ):
                yield match

    def search(self, data: bytes, place: int) -> Any:
        """Find the first from a place on."""
        return next(self.finditer(data[place:]), None)


LISTED = Listed()

# A full stop belongs to an initial only; elsewhere it ends the sentence, and the name.
_WORD = r"[^\W\d_](?:\.|[^\W\d_]*(?:['’\-][^\W\d_]+)*)"
_TOKEN = re.compile(_WORD)
_NEXT = re.compile(rf"( {{1,2}})({PARTICLE} )?({_WORD})")
# A suffix with a number behind it is the beginning of that number: "Anna, AB 12 34 56 C".
_FIRM = re.compile(rf",? (?:{SUFFIX})(?![^\W_]| ?\d)")
_LEADING_PARTICLE = re.compile(rf"{PARTICLE} ")
_NAME_BEGINS = re.compile(rf"(?<=[\s:=?])(?:{PARTICLE} (?=\S))?([^\W\d_])")
_MORE = 3
_TITLES = words("MR MRS MS DR")
NEVER = words("""a about account after again agent airlines airport airways all also am amazon an and any anyone app apple are as at avenue bank because been both but by call can card center centre
    christmas city cloud club co college come company could customer customers dear delivery department did do does doctor don't easter email emails every everybody everyone everything
    facebook family first folks for friday from google guys had has have he hello help her here hey hi his hospital hotel how i i'd i'll i'm i've if in instagram internet is it it's its
    just kind ladies last let like love madam mail make many may monday money more most mr mrs ms museum must my new no not now of office ok okay on one online only or order our park
    payment people phone please plus police premium prime product question quick re really reply road sales saturday school service services she should since sir sirs so some someone
    somebody sorry st station still store street sunday support sure team thank thanks that the their them then there they this those thursday to today tomorrow too tower travel tuesday
    twitter president pastor signed attached unable power outage uk university until up us usa very via wait was we website wednesday were what when where whether which while who why will with would yes yesterday you your yours
    january february march april june july august september october november december
    english french german italian spanish portuguese american british european
    lei signore signori cliente clienti tutti servizio assistenza buongiorno ho ha il la lo gli un una non per con che mi
    damen herren kundenservice kunde team ich sie wir der die das ein eine es ist nicht und mit für
    madame monsieur messieurs mesdames service client je vous nous le les un une ne pas et pour
    señores señor señora equipo cliente servicio yo usted el los una no para y senhores equipe atendimento eu você o os uma não e""")
_PLACES = words("""street st road avenue lane drive square station airport hospital university college school park hotel museum bridge island islands beach bay lake river hill palace cathedral church
    terminal stadium arena center centre mall valley county city town airlines bank insurance motors pharmacy's inc ltd llc gmbh corp company foundation prize""")
_SAINTS = re.compile(
    r"(?:^|[^\w])(?:San|Santa|Santo|Saint|St\.?|Ste\.?|Sankt|São|Sao|Sint|Sant['’]|Lake|Mount|Port|Fort|King|Queen|Prince|Princess|Via|Viale|Piazza|Rue|Calle|Rua)[ ]?$"
)


def _judge_named(candidate: Candidate) -> Iterable[Find]:
    """Take the capitalised words at the end, without the words that announce them."""
    found = candidate.found
    start = _first_capital_of_name(found)
    if start is None or not _starts_word(candidate):
        return
    announcing, first = found[:start], found[start:].split()[0]
    if announcing.isupper() and announcing.strip(" .") not in _TITLES and not _listed(first):
        return  # everything is in capitals here: they tell nothing
    yield from _name(candidate, candidate.start + start)


def _judge_greeted(candidate: Candidate) -> Iterable[Find]:
    """After a greeting, take a listed name, or one word that a comma or the line's end closes."""
    start = _after_words(candidate)
    if start is None or not _starts_word(candidate):
        return
    first = _TOKEN.match(candidate.text, start, candidate.high)
    if first is None:
        return
    closed = (
        candidate.text[first.end() : first.end() + 1] in {",", "!", "\n", ""} or first.end() >= candidate.high
    )
    if _listed(first[0]) or (
        closed and len(first[0]) >= 3 and candidate.found[0].isupper() and not first[0].isupper()
    ):
        yield from _name(candidate, start)


def _judge_listed(candidate: Candidate) -> Iterable[Find]:
    """Take a listed name with the surname that follows; not a saint's town, a street, a firm."""
    text, start = candidate.text, candidate.start
    if start > candidate.low and text[start - 1] in "_@#-/&.":
        return
    found, end = candidate.found, candidate.end
    if not _is_listed(found):
        # "Anna's", "Anna-please": the first part is what is listed.
        found = re.split("['\\-]", found)[0]
        end = start + len(found)
    following = text[end : end + 1] if end < candidate.high else ""
    if _SAINTS.search(found + " "):
        return
    if following and (following.isalnum() or following in "_@-/&" or unicodedata.combining(following)):
        return
    if _SAINTS.search(candidate.before(10)):
        return
    if _is(found, given()):
        yield from _name(candidate, start)
        return
    after = _NEXT.match(text, end, candidate.high)
    beside = (
        after is not None and (_is(after[3], surnames()) or _is(after[3], _paired())) and not found.isupper()
    )
    if (beside and after is not None and not _no_name(found) and not _no_name(after[3])) or (
        len(found) >= _ALONE and not found.isupper() and _is(found, surnames()) and _amid(candidate)
    ):
        yield from _name(candidate, start)


def _is_listed(word: str) -> bool:
    return _is(word, _paired()) or _is(word, surnames())


def _is(word: str, names: frozenset[str]) -> bool:
    return word in names or (word.isupper() and word.title() in names)


def _amid(candidate: Candidate) -> bool:
    """Tell whether the word before is a small one: at the beginning of a sentence a capital tells nothing."""
    before = candidate.before(2)
    return len(before) == 2 and before[1] == " " and (before[0].islower() or before[0] == ",")


def _name(candidate: Candidate, start: int) -> Iterable[Find]:
    first = _TOKEN.match(candidate.text, start, candidate.high)
    particle = _LEADING_PARTICLE.match(candidate.text, start, candidate.high)
    if (
        first is None
        or not begins(candidate.text, start)
        or (particle is None and (len(first[0]) < 2 or _no_name(first[0])))
    ):
        return
    end = particle.end() - 1 if particle else first.end()
    for _ in range(_MORE):
        if _FIRM.match(candidate.text, end, candidate.high):
            return
        match = _NEXT.match(candidate.text, end, candidate.high)
        if match is None or not _capital(match[3]):
            break
        if match[3].lower() in _PLACES:
            return
        if _no_name(match[3]) or len(match[3]) < 2:
            break
        end = match.end()
    if candidate.text[end - 2 : end] in {"'s", "’s"}:
        end -= 2
    yield Find(start, end, "NAME")


def _no_name(word: str) -> bool:
    """Tell whether a word is no name: an everyday word, or a mark such as XXXX that hides one already."""
    lower = word.lower()
    return lower in NEVER or set(lower) == {"x"}


def _first_capital_of_name(found: str) -> int | None:
    """Find where the name begins: after the last announcing word, at a particle or a capital."""
    for match in _NAME_BEGINS.finditer(found):
        if match[1].isupper() and found[: match.start()].strip():
            return match.start()
    return None


def _after_words(candidate: Candidate) -> int | None:
    place = _first_capital_of_name(candidate.found)
    if place is None:
        return None
    words = candidate.found[:place].lower()
    if words.startswith(("good ", "guten ", "buenos ", "bom ")) and words.strip().count(" ") < 1:
        place = _first_capital_of_name(candidate.found[place:])
    return None if place is None else candidate.start + place


def _capital(word: str) -> bool:
    return word[0].isupper() or (word[1:2] in {"'", "’"} and word[2:3].isupper())


def _listed(word: str) -> bool:
    return word.rstrip(".") in given() or word.title() in given() or word in surnames()


def _starts_word(candidate: Candidate) -> bool:
    return candidate.start == candidate.low or not candidate.text[candidate.start - 1].isalnum()


RULES = (
    Rule(_TITLED, _judge_named),
    Rule(_TOLD, _judge_named),
    Rule(_RELATED, _judge_named),
    Rule(_GREETED, _judge_greeted),
    Rule(_SIGNED, _judge_named),
    Rule(LISTED, _judge_listed),
)
