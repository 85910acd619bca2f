"""Cards, phones, bank accounts, national ids, network addresses, birthdays: numbers that are somebody's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

import phonenumbers
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.exceptions import ValidationError
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.it import codicefiscale
from stdnum.us import ssn

from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, begins, bounded

_SEP = r"[ .\-/()\x{a0}\x{202f}\x{2010}-\x{2015}]"
_DIGITS = Pattern(rf"[+(]{{0,2}}\d(?:{_SEP}{{0,3}}\d){{5,}}(?: ?(?:x|ext\.?|extension) ?\d{{1,6}})?")
_IBAN = Pattern(r"(?i)[a-z]{2}\d{2}(?:[ \-]?[a-z0-9]){11,38}")
_LETTERED_ID = Pattern(
    r"(?i)\b(?:[a-z]{6}[0-9lmnpqrstuv]{2}[a-ehlmprst][0-9lmnpqrstuv]{2}[a-z][0-9lmnpqrstuv]{3}[a-z]"
    r"|\d{8}[ \-]?[a-z]|[xyz][ \-]?\d{7}[ \-]?[a-z]"
    r"|[a-ceghj-prstw-z][a-ceghj-nprstw-z] ?\d{2} ?\d{2} ?\d{2} ?[a-d])\b"
)
_NAMED_ID = Pattern(
    r"(?i)(?:passport|driver'?s? licen[cs]e|driving licen[cs]e|licen[cs]e|national id|id card|identity card|tax id|tin|social security"
    r"|ssn|itin|social insurance|national insurance|nhs|medicare|patente|carta d'identità|codice fiscale|personalausweis|ausweis|reisepass"
    r"|steuer-?id|führerschein|passeport|permis de conduire|carte d'identité|pasaporte|passaporte|dni|nie|cpf|rg"
    r"|nif|nipc|contribuinte|cart[ãa]o de cidad[ãa]o|bilhete de identidade|seguridad social|tarjeta sanitaria|s[ée]curit[ée] sociale|carte vitale|tessera sanitaria|numero di documento"
    r"|sozialversicherungs(?:nummer|-?nr\.?)|rentenversicherungs(?:nummer|-?nr\.?)|personalausweis(?:nummer|-?nr\.?)|steuer(?:nummer|-?nr\.?)|permesso di soggiorno|titre de séjour)"
    r"(?:\s(?:number|no\.?|nr\.?|num|nummer|numero|número|numéro|n[°ºo]\.?|#|id)){0,2}(?:\s(?:is|was|è|ist|est|es|é))?\s{0,2}[:=#]?\s{0,2}"
    r"[a-z]{0,3}[ \-]?\d[a-z0-9 \-]{3,20}"
)
_ACCOUNT = Pattern(
    r"(?i)(?:account|acct|a/c|konto|conto|compte|cuenta|conta|customer|kunden|client|member(?:ship)?|loyalty|frequent flyer|sort code|routing)"
    r"[ \-]?(?:number|no\.?|nr\.?|num|nummer|numero|número|numéro|n[°ºo]\.?|#|id)?(?:\s(?:is|was|è|ist|est|es|é|ending))?\s{0,2}[:=#]?\s{0,2}"
    r"\d(?:[ \-]?\d){5,17}"
)
_NETWORK = Pattern(
    r"\d{1,3}(?:\.\d{1,3}){3}|(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}|[0-9a-f]{2}(?:[:\-][0-9a-f]{2}){5}"
)
_PLAIN_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:[0-2]?\d|3[01])(?:[ T]+\d{1,2}(?!\d))?"
    r"|(?:[0-2]?\d|3[01])[-./](?:[0-2]?\d|3[01])[-./](?:(?:19|20)?\d\d)(?: +\d{1,2}(?=:))?)(?![\d-])"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:[. \u00a0\u202f]\d{3})+$")
_CARD_GROUPS = {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 5), (4, 4, 4, 1)}
_SSN = re.compile(r"(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?![\d-])")
_CPF = re.compile(r"(?<![\d.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)")
_NIR = re.compile(r"(?<!\d)[12](?:[ ]?\d{2}){3}(?:[ ]?\d{3}){2}[ ]?\d{2}(?!\d)")
_ELEVEN = re.compile(r"(?<!\d)\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}(?!\d)")
_TEN = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")
_IBAN_BEGINS = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}")
_LONGEST_IBAN = 44
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS", 23: "AE GI IL IQ TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "FR GR IT MC SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_CHUNK = re.compile(r"[^ \u00a0\u202f]+(?: ?(?:x|ext\.?|extension) ?\d+$)?")
_GAP = re.compile(r"[ \u00a0\u202f]+")
_MOST_CHUNKS = 10
_MOST_LOOKS = 6
# A run longer than this, characters, is cut: nobody writes so many numbers in a row, and each is looked for among the rest.
_LONGEST_RUN = 2_000
_LONGEST_NUMBER = 60
_FEWEST_DIGITS = 6
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}$")
_CALLING = re.compile(
    r"(?i)\b(?:phone|call|calls|called|calling|tel|tél|tele\w+|télé\w*|cell\w*|mobil\w*|whats ?app|sms|text me|reach|contact|ring|dial|fax|office|home|work"
    r"|chiam\w+|cellulare|tel[ée]fon\w*|handy|rufen|anrufen|portable|appel\w*|ll[aá]m\w+|móvil|ligu?\w*|telemóvel|celular|answering at|phone number|my number)\b"
)
_OTHER_NUMBER = re.compile(
    r"(?i)(?:\b(?:order|orders|tracking|track|ticket|case|ref|reference|invoice|booking|confirmation|reservation|serial|sku|isbn|ean|upc|item|model|flight|version|build"
    r"|parcel|shipment|imei|po|error|code|transaction|bestell\w*|rechnung\w*|auftrag\w*|ordine|fattura|pedido|factura|fatura|commande|facture)\b\W{0,3}(?:\w+\W{1,3}){0,2}"
    r"|[#$€£¥])$"
)
_VERSION = re.compile(r"(?i)(?:\b(?:version|release|build|firmware|ver|rev|os|ios|android)\W{0,3}|\bv\.?)$")


def judge_digits(candidate: Candidate) -> Iterator[Find]:
    """Decide for a run of digits which parts are a card, a national id, a phone number, or none of them."""
    run, start = candidate.found, 0
    for date in [*_PLAIN_DATE.finditer(run), None]:
        end = date.start() if date else len(run)
        while end - start > _LONGEST_RUN:
            gap = _GAP.search(run, start + _LONGEST_RUN, end)
            if gap is None:
                break
            cut = gap.start()
            finds = sorted(
                _judge_part(candidate, candidate.start + start, candidate.start + cut), key=lambda f: f.start
            )
            if finds and finds[-1].end >= candidate.start + cut - 2:
                # It may go on behind the cut: judged again, from where it begins.
                start = max(start + 1, finds.pop().start - candidate.start)
            else:
                start = max(cut - _LONGEST_NUMBER, finds[-1].end - candidate.start if finds else 0)
            yield from finds
        yield from _judge_part(candidate, candidate.start + start, candidate.start + end)
        start = date.end() if date else end


def _judge_part(candidate: Candidate, start: int, end: int) -> Iterator[Find]:
    # No recursion: a list of a thousand numbers is one run.
    left = [(start, end)]
    while left:
        start, end = _whole_chunks(candidate.text, *left.pop())
        part = candidate.text[start:end]
        if sum(map(str.isdigit, part)) < _FEWEST_DIGITS:
            continue
        inner = _card(part) or _national_id(candidate, part, start) or _phone(candidate, part, start)
        if inner is not None:
            yield Find(start + inner.start, start + inner.end, inner.type)
            left += [(start + inner.end, end), (start, start + inner.start)]


def _whole_chunks(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out groups at either end that belong to a word: "B7 4111 1111" begins with 4111."""
    while start < end and not begins(text, start):
        gap = _GAP.search(text, start, end)
        start = gap.end() if gap else end
    while start < end and not bounded(text, start, end):
        gaps = [m.start() for m in _GAP.finditer(text, start, end)]
        end = gaps[-1] if gaps else start
    return start, end


def _phone(candidate: Candidate, part: str, start: int) -> Find | None:
    """Find a phone number: the whole run, else the longest stretch of its groups that is one.

    Of a long run a few groups are looked at together, then the next few, and so on, but not for ever.
    """
    chunks = [(m.start(), m.end()) for m in _CHUNK.finditer(part)]
    if len(chunks) <= _MOST_CHUNKS:
        return _phone_among(candidate, part, start, chunks)
    for first in range(0, min(len(chunks), _MOST_LOOKS * _MOST_CHUNKS // 2), _MOST_CHUNKS // 2):
        some = chunks[first : first + _MOST_CHUNKS]
        found = _phone_among(candidate, part, start, some)
        if found is not None and found.end >= some[-1][1] - 1 and first + len(some) < len(chunks):
            # It may go on behind these groups: they are looked at again, from where it begins.
            begun = next(n for n, (_, end) in enumerate(chunks) if end > found.start)
            found = _phone_among(candidate, part, start, chunks[begun : begun + _MOST_CHUNKS]) or found
        if found is not None:
            return found
    return None


def _phone_among(candidate: Candidate, part: str, start: int, chunks: list[tuple[int, int]]) -> Find | None:
    for count in range(len(chunks), 0, -1):
        for first in range(len(chunks) - count + 1):
            low, high = chunks[first][0], chunks[first + count - 1][1]
            if _is_phone(candidate, part[low:high], start + low):
                low += len(part[low:high]) - len(part[low:high].lstrip(" .-/)\u00a0"))
                return Find(low, low + len(part[low:high].rstrip(" .-/(\u00a0")), "PHONE")
    return None


def _card(part: str) -> Find | None:
    groups = [(m.start(), m.end()) for m in re.finditer(r"\d+", part)]
    for first in range(len(groups)):
        for last in range(first, min(first + 5, len(groups))):
            digits = "".join(part[a:b] for a, b in groups[first : last + 1])
            shape = tuple(b - a for a, b in groups[first : last + 1])
            if (last == first or shape in _CARD_GROUPS) and _is_card(digits):
                return Find(groups[first][0], groups[last][1], "CARD")
    return None


def _is_card(digits: str) -> bool:
    length, first, two, four = len(digits), digits[0], int(digits[:2]), int(digits[:4])
    if first == "4":
        right = length in (13, 16, 19)
    elif 51 <= two <= 55 or 2221 <= four <= 2720:
        right = length == 16
    elif two in (34, 37):
        right = length == 15
    elif two in (30, 36, 38, 39):
        right = length in (14, 16)
    elif two == 35:
        right = length in (15, 16)
    elif four in (2131, 1800):
        right = length == 15
    elif two in (60, 62, 64, 65):
        right = length in (16, 17, 18, 19)
    elif two in (50, 56, 57, 58, 63, 67):
        right = 12 <= length <= 19
    else:
        return False
    return right and bool(luhn.is_valid(digits)) and len(set(digits)) > 1


def _national_id(candidate: Candidate, part: str, start: int) -> Find | None:
    for match in _SSN.finditer(part):
        if ssn.is_valid(match[0].replace(" ", "-")) or 900 <= int(match[0][:3]) <= 999:
            return Find(match.start(), match.end(), "ID")
    for match in _CPF.finditer(part):
        if cpf.is_valid(match[0]):
            return Find(match.start(), match.end(), "ID")
    for match in _NIR.finditer(part):
        if nir.is_valid(match[0]):
            return Find(match.start(), match.end(), "ID")
    for match in _ELEVEN.finditer(part):
        if idnr.is_valid(match[0]):
            return Find(match.start(), match.end(), "ID")
    if re.search(r"(?i)\b(?:nhs|patient)\b", candidate.text[max(candidate.low, start - 40) : start]):
        for match in _TEN.finditer(part):
            if nhs.is_valid(match[0]):
                return Find(match.start(), match.end(), "ID")
    return None


def _is_phone(candidate: Candidate, part: str, start: int) -> bool:
    part = part.strip(" .-/\u00a0")
    digits = "".join(re.findall(r"\d", re.split(r"(?i) ?(?:x|e)", part)[0]))
    before = candidate.text[max(candidate.low, start - 40) : start]
    if not 6 <= len(digits) <= 15 or re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", part) or len(set(digits)) < 2:
        return False
    if part.startswith(("+", "(+")) and len(digits) >= 8:
        return True
    called = bool(_CALLING.search(before)) or bool(
        re.match(r"(?i)[ -]{1,2}(?:office|mobile|fax|home|cell|work)\b", candidate.after(10))
    )
    if (
        _OTHER_NUMBER.search(before)
        or before.endswith("@")
        or re.fullmatch(r"\d+\.\d+", part)
        or (before[-1:] in "-_#/" and before[-2:-1].isalnum())
    ):
        return False
    if _NORTH_AMERICAN.match(part) or (
        part.startswith("00") and not digits.startswith("000") and len(digits) >= 10
    ):
        return True
    if called:
        return not _PLAIN_DATE.fullmatch(part)
    if _THOUSANDS.match(part) or not len(digits) >= 8:
        return False
    if re.match(r"0[1-9]", digits) and 9 <= len(digits) <= 11:
        return bool(re.search(r"\D", part)) or digits.startswith(("06", "07", "015", "016", "017"))
    return bool(re.search(r"\D", part)) and _is_valid_phone(part, candidate.region)


def _is_valid_phone(part: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(part, region))
    except phonenumbers.NumberParseException:
        return False


def judge_iban(candidate: Candidate) -> Iterable[Find]:
    """Take as many characters as the country's account numbers have, if their check digits agree."""
    for begin in _IBAN_BEGINS.finditer(
        candidate.text, candidate.start, min(candidate.high, candidate.end + 3)
    ):
        end = _iban_end(candidate.text, begin.start(), candidate.high)
        if end is not None:
            yield Find(begin.start(), end, "IBAN")


def _iban_end(text: str, start: int, high: int) -> int | None:
    taken = ""
    length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
    for place in range(start, min(high, start + _LONGEST_IBAN)):
        character = text[place]
        if character.isalnum():
            taken += character
        elif character not in " -":
            return None
        if (
            (len(taken) == length if length else 15 <= len(taken) <= 34)
            and character.isalnum()
            and bounded(text, start, place + 1)
            and _is_iban(taken)
        ):
            return place + 1
    return None


def _is_iban(text: str) -> bool:
    try:
        iban.validate(text, check_country=False)
    except ValidationError:
        return False
    return True


def judge_lettered_id(candidate: Candidate) -> Iterable[Find]:
    """Keep ids whose check letter agrees."""
    found = candidate.found
    compact = re.sub(r"[ -]", "", found).upper()
    national_insurance = re.fullmatch(r"[A-Z]{2}\d{6}[A-D]", compact) and compact[:2] not in {
        "BG",
        "GB",
        "NK",
        "KN",
        "TN",
        "NT",
        "ZZ",
    }
    valid = national_insurance or (
        codicefiscale.is_valid(compact)
        if len(compact) == 16
        else dni.is_valid(compact) or nie.is_valid(compact)
    )
    if valid and bounded(candidate.text, candidate.start, candidate.end):
        yield Find(candidate.start, candidate.end, "ID")


def judge_named_id(candidate: Candidate) -> Iterable[Find]:
    """Hide the number that a word announces as a passport, licence or tax number."""
    match = re.search(
        r"(?i)(?<![a-z])[a-z]{0,3}[ -]?\d(?:[ -]?[a-z]{0,2}\d)+[a-z]{0,3}(?![a-z0-9])", candidate.found
    )
    if match and sum(map(str.isdigit, match[0])) >= 5 and begins(candidate.text, candidate.start):
        yield Find(candidate.start + match.start(), candidate.start + match.end(), "ID")


def judge_account(candidate: Candidate) -> Iterable[Find]:
    """Hide the number that a word announces as an account or a customer number."""
    match = re.search(r"\d[\d -]*$", candidate.found)
    if match and bounded(candidate.text, candidate.start, candidate.end) and not _PLAIN_DATE.search(match[0]):
        yield Find(candidate.start + match.start(), candidate.end, "ACCOUNT")


def judge_network(candidate: Candidate) -> Iterable[Find]:
    """Keep addresses that machines can really have; four-part version numbers are none."""
    found = candidate.found
    if not bounded(candidate.text, candidate.start, candidate.end) or candidate.before(1) in {".", ":"}:
        return
    if found.count(".") == 3:
        after = candidate.after(2)
        valid = all(int(part) <= 255 for part in found.split(".")) and not _VERSION.search(
            candidate.before(12)
        )
        valid = valid and not re.match(r"\.\d", after)
    elif re.fullmatch(r"(?i)[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}", found):
        valid = True
    else:
        valid = len(found) >= 6 and _is_address(found)
    if valid:
        yield Find(
            candidate.start,
            candidate.end,
            "IP"
            if "." in found or not re.fullmatch(r"(?i)[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}", found)
            else "DEVICE",
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


RULES = (
    Rule(_DIGITS, judge_digits),
    Rule(_IBAN, judge_iban),
    Rule(_LETTERED_ID, judge_lettered_id),
    Rule(_NAMED_ID, judge_named_id),
    Rule(_ACCOUNT, judge_account),
    Rule(_NETWORK, judge_network),
)
