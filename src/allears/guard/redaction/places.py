"""Street addresses as they are written in six languages, and the words that announce one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, bounded, words

_N = r"\d{1,5}[a-zA-Z]?(?:[/\-]\d{1,4}[a-zA-Z]?)?"
_WORD = r"[\p{L}][\p{L}\p{M}'’.\-]*"
_EN = (
    r"street|avenue|road|boulevard|lane|drive|court|place|square|terrace|crescent|parkway|highway|circle|mews|gardens|close|trail|alley"
    r"|st|ave|rd|blvd|ln|dr|ct|pl|sq|cres|pkwy|hwy|cir"
)
_STREETS = Pattern(
    # 12 Oak Street; 4589 40th Street; 221b Baker St
    rf"(?i)\b{_N},? (?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}(?:{_EN})\b\.?"
    # via Roma 12; calle Mayor, 3; rua Augusta 1500; ul. Karpacka 69
    r"|\b(?:via|viale|piazza|piazzale|corso|largo|vicolo|contrada|lungomare|calle|c/|avenida|avda\.?|plaza|paseo|carretera|rua|travessa|praça|alameda"
    rf"|estrada|rodovia|ul\.|ulica|rue|boulevard|avenue|quai|chemin|allée|impasse) (?:{_WORD},? ){{1,6}}(?:(?:n\.?|n[º°]\.?|nr\.?|numero|número) ?)?{_N}"
    # 12 bis, rue de la Paix
    rf"|\b{_N}(?: ?(?:bis|ter))?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|cours|route|square) (?:{_WORD} ?){{1,6}}"
    # Lindenstraße 5; Keizersgracht 123; Vesturgata 66; Petőfi utca 7
    rf"|[\p{{L}}\-.]*(?:straße|strasse|str\.|straat|steenweg|gracht|plein|plaats|allee|chaussee|gasse|vägen|veien|vej|gade|gata|gatan|katu) {_N}"
    rf"|[\p{{L}}\-.]{{3,}}(?:weg|platz|damm|ufer|laan|kade|dijk|sträßchen|markt|vænget|gränd|stræde|tie|polku|brekka|braut|vegur|utca|ulice) {_N}"
    rf"|{_WORD} (?:utca|út|útja|u\.|tér|tere|körút|köz|straße|strasse|stasse|str\.|allee|platz|weg|ulica|ulice|cesta|třída|náměstí|nám\.|trg|put|sokak|caddesi|väg|vägen|gata|gate|vej|vei|tie|street|road|avenue) {_N}\.?"
    # R. da Prata 12; Av. Paulista 1000; C. Mayor 5
    rf"|\b(?:(?-i:R)\.? (?:d[aeo]s? )?|(?:av|avda|pza|pl|ctra|tv|al|strada|ul|str)\. ?)(?:{_WORD} ){{1,4}}(?:n[.º°] ?)?{_N}\b"
)
_UNITS = Pattern(
    rf"(?i)\b{_N},? (?:(?:{_WORD}|\d{{1,5}}(?:st|nd|rd|th)?),? ?\n?){{1,7}} ?(?:apt\.?|apartment|suite|ste\.?|unit|flat|appt\.?|interno|piso|apto\.?) ?#?\d{{1,5}}"
    r"|\b(?:apt\.?|apartment|suite|ste\.|appt\.?|apto\.?) ?#?\d{1,5}"
    r"|\bp\.? ?o\.? box,? \d{1,6}|\b(?:postfach|casella postale|boîte postale|apartado(?: de correos)?|caixa postal) \d{1,6}"
    r"|\bpsc \d{1,5},? box \d{1,6}|\bunit \d{1,5} box \d{1,6}|(?:\b(?:uss|usns|uscgc|usnv|hms) [\p{L}.'\- ]{2,30}[,\n ]{1,3})?\b(?:apo|fpo|dpo),? a[aep],? \d{5}"
    r"|\bpostbox \d{1,6}"
    r"|\b(?:the )?corner of [^\x00\n?!]{3,45} and (?:[\p{Lu}][\p{L}\p{M}.\-]* ?){1,4}"
)
_POSTCODES = Pattern(
    r"\b(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})\b"
    r"|(?i)\b(?:(?:zip|postal|post)[ \-]?code(?: is|:)? {0,2}\d{4,6}|(?:zip|plz|cep|codice postale)(?: is|:)? {0,2}\d{5})(?:-?\d{3,4})?\b"
)
_STATES = "A[LKZR]|C[AOT]|D[EC]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[TA]|W[AVIY]"
_CITY_ZIP = Pattern(rf"(?:[\p{{Lu}}][\p{{L}}.\-]+ ?){{1,3}},? (?:{_STATES})[ ,]+\d{{5}}(?:-\d{{4}})?")
_ANNOUNCED = Pattern(
    r"(?i)\b(?:address(?:es)?|indirizzo|adresse|anschrift|direcci[oó]n|endereço|moved|located|living|lives?|resident|resid(?:e|es|ing)|deliver(?:ed)?|ship(?:ped)?|sent|send|taxi|meet|abito|wohne|wohnhaft|habite|vivo|moro)\b"
    rf"[^\x00\n.?!;0-9]{{0,40}}[ :\n]{_N}(?:, ?| )\p{{L}}[\p{{L}}\p{{M}}'’.\-]+"
)

_UNIT_ALONE = re.compile(r"(?i)\b(?:apt\.?|apartment|suite|ste\.|flat|appt\.?|apto\.?) ?#?\d{1,5}(?!\d)")
_UNIT = r"(?:[ ,\n]{1,3}(?i:apt\.?|apartment|suite|ste\.?|unit|flat|floor|appt\.?|interno|int\.|piso|apto\.?)\s?#?\s?\w{1,6}\b)?"
_CITY = r"(?:[^\W\d_][\w'’.\-]*[ ,\n]{1,3}){1,5}"
_TAIL = re.compile(
    _UNIT
    + r"(?:[ ,\n]{1,3}(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{3})?[ ]+[A-Z][\w'’\-]+(?:[ ][A-Z][\w'’\-]+)?(?: \([A-Z]{2}\))?"
    + r"|(?:\s{0,2}[,\n]\s{0,2}[^\W\d_][\w'’.\-]*(?: [^\W\d_][\w'’.\-]*){0,4}){1,4}[ ,\n]{1,3}\d{4,6}\b"
    + rf"|[ ,\n]{{1,3}}{_CITY}(?:[A-Z]{{2,3}}[ ,]{{1,2}})?(?:\d{{4,6}}(?:-\d{{3,4}})?|[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}})\b)?"
)
_FRENCH_ORDER = re.compile(
    r"(?i)[\w/\-]+(?: ?(?:bis|ter))?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|cours|route|square) [^\W\d]"
)
_FRENCH_ONLY = words("rue boulevard bd chemin allée impasse quai")
_ITALIAN_SMALL = words("di del della dei degli delle dello d da a e n nr numero san santa")
_ITALIAN_WHERE = re.compile(r"(?i)\b(?:in|abito|abita|indirizzo|residente|sede)\W{1,3}$")
_MONTHS = words(
    "jan feb mar apr may jun jul aug sep oct nov dec gen mag giu lug ago set ott dic okt dez mai ene abr out"
)
_LOWER_WORDS = 3
# "piazza piena, 3 ore", "calle cortada 3 días": the number counts something.
_COUNTED = re.compile(
    r" (?:or[ae]|giorn\w*|minut\w*|volt[ae]|person[ae]s?|settiman\w*|mes[ei]s?|ann[oi]|d[ií]as?|horas?|veces|semanas?|años?|anos?|vezes|jours?|heures?|fois|semaines?|tage?n?|stunden?|mal|km|euro?s?)\b"
)
_TOKEN = re.compile(r"([ ,\n>]{0,4})([\w'’./#\-]+)")
_SMALL = words(
    "de del della dei di da do dos das la le les el los las van von der den het op aan the of and und y e et al ul bis ter nan st"
)
_ENOUGH = 16
_STOP = words(
    "a an the of to on in at for from with my your his her our their is was are were and or by every per more than off this that it i me we you times time "
    "minutes minute hours hour days day weeks week months month years year people items item star stars miles mile km min mins hrs pm am"
)
_NOT_PLACES = words(
    "arbeitsplatz sitzplatz parkplatz stellplatz spielplatz unterwegs regata supermarkt bookmarkt"
)
_SHORT = words("st dr pl ct cir sq ln close place court drive square circle")


def judge_street(candidate: Candidate) -> Iterable[Find]:
    """Refuse what only sounds like a street, and go on to unit, postcode and town."""
    found = _without_last_small_words(candidate.found.strip())
    parts = re.findall(r"(?<!\d)[^\W\d_][\w'’.\-]*", found.lower())
    end = candidate.start + len(found)
    if not parts or parts[-1] in _NOT_PLACES or not bounded(candidate.text, candidate.start, end):
        return
    # After a number the last word is the street's kind; before a number it is part of the name.
    inner = parts[:-1] if found[0].isdigit() else parts
    if any(part in _STOP or set(part) == {"x"} for part in inner) or _is_english_via(candidate, found):
        return
    if found[0].isdigit() and not _names_a_street(found, parts[-1]):
        return
    if (
        not found[0].isdigit()
        and found.islower()
        and (len(parts) > _LOWER_WORDS or _COUNTED.match(candidate.text, end, candidate.high))
    ):
        return
    # "3 14 Rue de la Paix": a flat's number may stand before the house's.
    flat = re.search(r"(?:^|[^\d.,/#-])(\d{1,4} )$", candidate.before(7))
    yield Find(candidate.start - (len(flat[1]) if flat else 0), _extend(candidate, end), "ADDRESS")


def _names_a_street(found: str, last: str) -> bool:
    """Tell "12 Oak Street", "12 oak street" and "3 place Vendôme" from "12 friends near Oak Street" and "3 place orders"."""
    if _FRENCH_ORDER.match(found):
        return not found.islower() or any(part in _FRENCH_ONLY for part in found.lower().split())
    return _mostly_capital(found) or (found.islower() and last.rstrip(".") not in _SHORT)


def _is_english_via(candidate: Candidate, found: str) -> bool:
    """Tell "via fax 3 times" from "via Roma 3": the street has capitals, or stands where one says where something is."""
    words = found.split()
    if words[0].lower() != "via":
        return False
    capital = all(
        word[0].isupper() or word[0].isdigit() or word.lower().rstrip(".") in _ITALIAN_SMALL
        for word in words[1:]
    )
    return not capital and not _ITALIAN_WHERE.search(candidate.before(20))


def _without_last_small_words(found: str) -> str:
    """Cut what follows a street's name: "45 avenue Victor Hugo is closed" ends with Hugo."""
    if not found[0].isdigit() or not _FRENCH_ORDER.match(found) or found.islower():
        return found
    while (match := re.search(r"[ ,]+([^\W\d_][^ ]*)$", found)) and match[1][0].islower():
        found = found[: match.start()]
    return found


def judge_unit(candidate: Candidate) -> Iterable[Find]:
    """Take units, boxes and corners as they stand, with the postcode and town that follow."""
    found = candidate.found.rstrip()
    words = re.findall(r"[^\W\d_]+", found.lower())
    if found[0].isdigit() and any(word in _STOP for word in words[:-1]):
        # A sentence, not an address: its units alone, the first as well as the last.
        for match in _UNIT_ALONE.finditer(found):
            yield Find(candidate.start + match.start(), candidate.start + match.end(), "ADDRESS")
        return
    if bounded(candidate.text, candidate.start, candidate.start + len(found)):
        yield Find(candidate.start, _extend(candidate, candidate.start + len(found)), "ADDRESS")


def judge_postcode(candidate: Candidate) -> Iterable[Find]:
    """Take a postcode; after a word that announces it, the number only."""
    match = re.search(r"\d{4,5}(?:-?\d{3,4})?$", candidate.found)
    start = candidate.start + (match.start() if match else 0)
    if bounded(candidate.text, start, candidate.end):
        yield Find(start, candidate.end, "ADDRESS")


def judge_city(candidate: Candidate) -> Iterable[Find]:
    """Take town, state and ZIP."""
    if bounded(candidate.text, candidate.start, candidate.end):
        yield Find(candidate.start, candidate.end, "ADDRESS")


def judge_announced(candidate: Candidate) -> Iterable[Find]:
    """After words such as "my address is", read on over numbers, capitalised words and small ones."""
    first = re.search(rf"(?<=[ :\n]){_N}(?:, ?| )(?=([^\W\d_]+))", candidate.found)
    if first is None or first[1].lower() in _STOP or first[1].lower()[:3] in _MONTHS:
        return
    start = end = candidate.start + first.start()
    capitals = digits = 0
    for _ in range(_ENOUGH):
        match = _TOKEN.match(candidate.text, end, candidate.high)
        if match is None:
            break
        word = match[2]
        if set(word) == {"X"} or not (
            word[0].isdigit()
            or word[0].isupper()
            or word.lower() in _SMALL
            or word.lower().startswith(("apt", "suite"))
        ):
            break
        capitals += word[0].isupper()
        digits += word[0].isdigit()
        end = match.end()
        if word.endswith(".") and len(word) > 5 and word[0].isalpha():
            break
    if capitals >= 1 and digits >= 1 and end > candidate.start + first.end():
        while end > start and candidate.text[end - 1] in ".,' ":
            end -= 1
        yield Find(start, end, "ADDRESS")


def _extend(candidate: Candidate, end: int) -> int:
    match = _TAIL.match(candidate.text, end, min(candidate.high, end + 120))
    return match.end() if match else end


def _mostly_capital(found: str) -> bool:
    words = re.findall(r"[^\W\d_][\w'’.\-]*", found)
    return all(word[0].isupper() or word.lower() in _SMALL for word in words)


RULES = (
    Rule(_STREETS, judge_street),
    Rule(_UNITS, judge_unit),
    Rule(_POSTCODES, judge_postcode),
    Rule(_CITY_ZIP, judge_city),
    Rule(_ANNOUNCED, judge_announced),
)
