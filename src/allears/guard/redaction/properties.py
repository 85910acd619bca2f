"""Redact the JSON of a signal's properties: by the names of the fields, and by what stands in the texts."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import msgspec

from allears.errors import Refused
from allears.guard.redaction.known import KnownSeeker
from allears.guard.redaction.level import Level, hidden_kinds
from allears.guard.redaction.names import LISTED
from allears.guard.redaction.placeholder import PLACEHOLDER, Numbering, replace
from allears.guard.redaction.rule import Find, Pattern, words
from allears.guard.redaction.spot import Known, spot
from allears.guard.redaction.spotter import Spotter

PERSONAL_FIELDS: dict[str, str] = {
    field: type_
    for type_, fields in {
        "EMAIL": "email emailaddress mail useremail customeremail contactemail",
        "PHONE": "phone phonenumber mobile mobilephone mobilenumber cell cellphone tel telephone msisdn fax whatsapp",
        "NAME": "name firstname lastname fullname givenname familyname surname middlename displayname maidenname nickname"
        " customername contactname recipient recipientname sendername cardholder cardholdername accountholder",
        "HANDLE": "username userhandle screenname handle login twitter instagram",
        "ADDRESS": "address address1 address2 addressline addressline1 addressline2 street streetaddress streetname housenumber"
        " shippingaddress billingaddress deliveryaddress postalcode zip zipcode postcode",
        "PLACE": "latitude longitude lat lng lon geo geolocation coordinates gps",
        "IP": "ip ipaddress ipv4 ipv6 clientip remoteip userip remoteaddr xforwardedfor clientaddress netpeerip netsockpeeraddr",
        "BIRTHDAY": "birthday birthdate dateofbirth dob",
        "ID": "ssn taxid nationalid passport passportnumber driverslicense licensenumber licenseplate fiscalcode codicefiscale vatid",
        "IBAN": "iban bankaccount accountnumber",
        "CARD": "card cardnumber creditcard creditcardnumber pan ccnumber",
        "DEVICE": "deviceid devicetoken advertisingid idfa idfv gaid imei macaddress mac",
        "SECRET": "password passwd pwd pin cvv cvc otp token accesstoken refreshtoken idtoken authtoken apikey secret clientsecret"
        " authorization cookie setcookie sessionid sessiontoken",
        "URL": "avatar avatarurl photo photourl picture profileurl profileimage",
    }.items()
    for field in fields.split()
}
_ENDINGS = (
    "email",
    "phone",
    "phonenumber",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "password",
    "ipaddress",
    "dateofbirth",
)
_NOT_OF_A_PERSON = words(
    "sku productid price brand category variant quantity currency version build medium campaign url path title plan manufacturer model"
)
_NOT_A_PERSON = words(
    "product products item items app os library campaign page screen service browser device plan event company location"
)
_COARSE = words("city town country countrycode state region province timezone")

_SUSPICIOUS = Pattern(
    r"(?i)e-?mail|phone|mobile|cell|tel|msisdn|fax|whatsapp|name|recipient|cardholder|accountholder|handle|login|twitter|instagram"
    r"|address|street|house|postal|zip|postcode|lat\"|lng|lon\"|latitude|longitude|geo|coordinates|gps"
    r"|\"ip|ip\"|ipaddress|remoteaddr|x.?forwarded|peer|birth|dob|ssn|tax|passport|licen[cs]e|fiscal|vat|national|iban|bank|account|card|\"pan\""
    r"|device|advertising|idfa|idfv|gaid|imei|mac|passw|pwd|\"pin\"|cv[vc]|otp|token|key|secret|authorization|cookie|session|avatar|photo|picture|profile"
    r"|@|%40|://|www\.|\\|<"
    r"|[^\s:,\"\[{][ \x{a0}][^\s\"\]}]"
    # Digits inside texts, not the numbers and the ISO dates that most rows hold.
    r"|[^:\s\d,\[.]\d{6}|[a-z]\.\d{6}|[^\":]:? \d{6}|[^\"]:\d{6}|\+\d|\d\)\d|\d{3}[.\-/]\d{3}|\d{3}[.\-/]\d{2}[.\-/]\d{4}|(?:\d{2}[.\-/]){3}\d{2}"
    r"|(?:\d{1,3}\.){3}\d|[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f]{0,4}:|[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}-"
)
_TELLING_KEY = re.compile(r"@|\d{6}|\d[ .-]\d{3}")
_NAME_OF_FIELD = re.compile(r"[^a-z0-9]")
_END = "\x00"


def redact_json(
    properties: Sequence[str | None],
    known: Sequence[Known | None] | None = None,
    *,
    region: str = "US",
    level: Level = "standard",
    also: Collection[str] = (),
    keep: Collection[str] = (),
    spotter: Spotter | None = None,
) -> list[str | None]:
    """Redact JSON objects: fields whose names say personal are replaced, texts are searched, numbers stay.

    Parameters
    ----------
    properties
        JSON texts; ``None`` stays ``None``. What is not JSON is redacted as plain text.
    known
        For each row what is known of its customer, as for `redact`.
    region
        ISO country assumed for phone numbers without a prefix.
    level, also, keep, spotter
        What else goes, as for `redact`.

    Returns
    -------
    list of str or None
        In order; placeholders are numbered within each row.

    Raises
    ------
    Refused
        ``known`` is not as long as ``properties``; no such level or kind.

    Notes
    -----
    Rows in which one quick pattern sees nothing suspicious are handed back as they are, without being decoded.

    Examples
    --------
    >>> redact_json(['{"email":"ada@example.com","total":12.5,"note":"call 678-777-1600"}'])
    ['{"email":"<EMAIL_1>","total":12.5,"note":"call <PHONE_1>"}']
    """
    if known is not None and len(known) != len(properties):
        raise Refused(
            "expected as many known values as rows", place="known", rows=len(properties), known=len(known)
        )
    kinds = hidden_kinds(level, also, keep)
    kept = [place for place, row in enumerate(properties) if row]
    some = [row for row in properties if row]
    about = None if known is None else [known[place] for place in kept]
    # The quick look knows what is hidden by default; whatever else is asked for, every row is read.
    places = list(range(len(some))) if kinds or spotter is not None else _suspicious(some, about)
    rows = [_Row(some[at], about[at] if about else None) for at in places]
    texts = [text for row in rows for text in row.texts]
    theirs = None if about is None else [row.known for row in rows for _ in row.texts]
    finds = spot(texts, theirs, region, kinds, spotter)
    redacted = list(properties)
    for at, row in zip(places, rows, strict=True):
        redacted[kept[at]] = row.rebuilt(finds)
    return redacted


def _suspicious(rows: list[str], known: list[Known | None] | None) -> list[int]:
    if not rows:
        return []
    text = _END.join(row.replace(_END, " ") for row in rows)
    data = text.encode("utf-8", "replace")
    ends = (
        list(accumulate(len(row.encode("utf-8", "replace")) + 1 for row in rows))
        if len(data) != len(text)
        else None
    )
    ends = ends or list(accumulate(len(row) + 1 for row in rows))
    found = set(_rows_with(_SUSPICIOUS, data, ends))
    found.update(bisect_right(ends, match.start()) for match in LISTED.finditer(data))
    if known is not None:
        seeker, low = KnownSeeker(text), 0
        for at, (row, pairs) in enumerate(zip(rows, known, strict=True)):
            if pairs and at not in found and next(seeker.seek(low, low + len(row), pairs), None):
                found.add(at)
            low += len(row) + 1
    return sorted(found)


def _rows_with(pattern: Any, data: bytes, ends: list[int]) -> Iterator[int]:
    place = 0
    while match := pattern.search(data, place):
        row = bisect_right(ends, match.start())
        if row >= len(ends):
            return
        yield row
        place = ends[row]


class _Row:
    """One JSON object: the places in it that hold texts, and those whose field is personal."""

    def __init__(self, text: str, known: Known | None) -> None:
        self.known = known
        self.texts: list[str] = []
        self._text = text
        self._places: list[tuple[Any, Any, str | None]] = []
        self._renamed: list[tuple[dict[str, Any], str]] = []
        try:
            self._value: Any = [_decoded(text)]
            self._look(self._value, "", None)
            # Keys come last: renaming one while values wait to be replaced would lose their places.
            self.texts += [key for _, key in self._renamed]
        except (ValueError, RecursionError):
            self._value, self.texts = None, [text]

    def rebuilt(self, finds: Iterator[list[Find]]) -> str:
        """Put the row together again, with placeholders."""
        numbering = Numbering(self._text)
        if self._value is None:
            return replace(self._text, next(finds), numbering)
        for box, key, type_ in self._places:
            told = box[key]
            if type_ is None:
                found = next(finds)
                box[key] = replace(told, found, numbering) if found else told
            else:
                told = told if isinstance(told, str) else msgspec.json.encode(told).decode()
                box[key] = told if PLACEHOLDER.fullmatch(told) else numbering.placeholder(type_, told)
        for box, key in self._renamed:
            found = next(finds)
            if found:
                renamed = replace(key, found, numbering)
                items = [(renamed if name == key else name, value) for name, value in box.items()]
                box.clear()
                box.update(items)
        try:
            return msgspec.json.encode(self._value[0]).decode()
        except UnicodeEncodeError:  # half a surrogate pair: only the slow encoder writes it
            return json.dumps(self._value[0])

    def _look(self, box: Any, parent: str, inherited: str | None) -> None:
        """Note the texts and the personal fields of a list or an object, and of what is inside."""
        named = isinstance(box, dict)
        for key, value in box.items() if named else enumerate(box):
            field, type_ = _field(key) if named else (parent, None)
            type_ = type_ or inherited
            if named:
                if field in _COARSE or (field == "name" and _is_thing(parent, box)):
                    type_ = None
                if _TELLING_KEY.search(str(key)):
                    self._renamed.append((box, str(key)))
            if isinstance(value, (dict, list)):
                self._look(value, field, type_)
            elif type_ is not None and value is not None and value != "" and not isinstance(value, bool):
                self._places.append((box, key, type_))
            elif isinstance(value, str):
                self._places.append((box, key, None))
                self.texts.append(value)


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except ValueError:
        return json.loads(text)


@lru_cache(4096)
def _field(key: str) -> tuple[str, str | None]:
    """Return a field's name without case and punctuation, and what it holds if it is personal."""
    name = _NAME_OF_FIELD.sub("", key.lower())
    type_ = PERSONAL_FIELDS.get(name)
    if type_ is None and name.endswith(_ENDINGS):
        type_ = next(PERSONAL_FIELDS[ending] for ending in _ENDINGS if name.endswith(ending))
    return name, type_


def _is_thing(parent: str, box: dict[str, Any]) -> bool:
    """Tell whether a name is that of a product, an app or a page."""
    return parent in _NOT_A_PERSON or any(_field(key)[0] in _NOT_OF_A_PERSON for key in box)
