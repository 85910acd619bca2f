"""Identifiers: the same person's address written in different ways becomes the same text, and junk becomes nothing.

What is *not* done matters as much: plus tags and dots in e-mail addresses stay. Which addresses reach one mailbox is
decided by the provider (Gmail ignores dots, most do not; a plus tag may be another mailbox), and joining two people
is worse than knowing one person twice.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers

PEOPLE = ("user_id", "email", "phone", "handle", "device", "anonymous_id")
"""Types that say who somebody is, strongest first: the order in which links are believed."""
HANDLE = "handle"
ACCOUNT = "account"
TYPES = (*PEOPLE, ACCOUNT)

LONGEST = 512
"""Characters; whatever is longer is no identifier."""

BLOCKED_WORDS = frozenset(
    {
        "-1",
        "null",
        "nil",
        "none",
        "undefined",
        "anonymous",
        "anon",
        "unknown",
        "n/a",
        "na",
        "nan",
        "test",
        "void",
        "abc123",
        "guest",
        "default",
        "example",
        "true",
        "false",
        "(null)",
        "<null>",
        "[object object]",
        "not available",
        "not provided",
    }
)
"""Values that programs and people write when they have none; compared in lower case."""

BLOCKED_MAILBOXES = frozenset(
    {
        "noreply",
        "no-reply",
        "no_reply",
        "donotreply",
        "do-not-reply",
        "do_not_reply",
        "mailer-daemon",
        "postmaster",
        "bounce",
        "bounces",
        "none",
        "null",
    }
)
"""Local parts that no person answers."""

BLOCKED_ADDRESSES = frozenset(
    {
        "none@none.com",
        "test@test.com",
        "a@a.com",
        "abc@abc.com",
        "email@email.com",
        "example@example.com",
        "test@example.com",
        "user@example.com",
    }
)
"""Addresses that stand for 'I would rather not say'."""

BLOCKED_PATTERN = re.compile(r"^[0-]*$")
"""Empty, zeros and dashes: `0`, `---`, `00000000-0000-0000-0000-000000000000`."""

BLOCKED: dict[str, tuple[str, ...]] = {
    "any type: pattern": (
        BLOCKED_PATTERN.pattern,
        "fewer than 2 characters",
        f"more than {LONGEST} characters",
    ),
    "any type: words": tuple(sorted(BLOCKED_WORDS)),
    "email: mailboxes": tuple(sorted(BLOCKED_MAILBOXES)),
    "email: addresses": tuple(sorted(BLOCKED_ADDRESSES)),
    "phone: patterns": ("one digit repeated", "1234567890", "not a possible number"),
}
"""Everything that never joins anybody, for pages and documentation."""

_E164 = re.compile(r"^\+[1-9][0-9]{7,14}$")
_PHONE_SPACE = str.maketrans("", "", " -.\u00a0\u2011\u2013")


def normalise(type: str, value: str, region: str = "US") -> str | None:
    """Write an identifier in its one form.

    Parameters
    ----------
    type
        One of `TYPES`; anything else is not an identifier.
    value
        As the payload gave it.
    region
        ISO country assumed for phone numbers without a prefix.

    Returns
    -------
    str or None
        ``None`` when the value is blocked (see `BLOCKED`), malformed, or of an unknown type.

    Examples
    --------
    >>> normalise("email", "  Ada.L+shop@Example.ORG ")
    'ada.l+shop@example.org'
    >>> normalise("phone", "(202) 555-0143")
    '+12025550143'
    >>> normalise("handle", "Mastodon:@Ada")
    'mastodon:ada'
    >>> normalise("email", "none@none.com") is None
    True
    """
    form = _FORMS.get(type)
    if form is None:
        return None
    text = value.strip()
    if not 2 <= len(text) <= LONGEST or BLOCKED_PATTERN.match(text) or text.lower() in BLOCKED_WORDS:
        return None
    return form(text, region)


def former(handle: str, region: str = "US") -> list[str]:
    """Give the form under which earlier versions knew a handle whose network was worked out, ``network::handle``.

    They took a handle for one person on all networks. Whoever they know by it is still known by it.

    Examples
    --------
    >>> former("twitter::@Ada"), former("twitter:@Ada")
    (['ada'], [])
    """
    alone = handle.partition("::")[2]
    form = normalise(HANDLE, alone, region) if alone else None
    return [form] if form is not None else []


def domain_of(email: str) -> str:
    """Give the part after the ``@`` of a normalised address."""
    return email.rpartition("@")[2]


def _plain(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def _email(text: str, region: str) -> str | None:
    text = _plain(text).removeprefix("mailto:").strip("<>")
    local, at, domain = text.rpartition("@")
    if not (at and local and "." in domain) or len(text.split()) > 1:
        return None
    if (
        local in BLOCKED_MAILBOXES
        or local.partition("+")[0] in BLOCKED_MAILBOXES
        or text in BLOCKED_ADDRESSES
    ):
        return None
    return f"{local}@{domain.rstrip('.')}"


def _phone(text: str, region: str) -> str | None:
    # Most senders already write +digits; parsing costs fifty times the look at it.
    short = text.translate(_PHONE_SPACE)
    number = short if _E164.match(short) else _parsed(unicodedata.normalize("NFKC", text), region)
    if number is None or len(set(number[2:])) == 1 or number.endswith("1234567890"):
        return None
    return number


@lru_cache(maxsize=65_536)
def _parsed(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    number.extension = None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _handle(text: str, region: str) -> str | None:
    # The same handle on two networks may be two people: each stands behind its network.
    network, colon, name = _plain(text).rpartition(":")
    name, network = name.strip().lstrip("@").strip(), network.strip(": ")
    if len(name) < 2 or BLOCKED_PATTERN.match(name) or name in BLOCKED_WORDS:
        return None
    return f"{network}:{name}" if colon and network else name


def _opaque(text: str, region: str) -> str | None:
    # Ids are compared as written: Salesforce, Firebase and others use upper and lower case as different digits.
    return text


_FORMS = {
    "email": _email,
    "phone": _phone,
    "handle": _handle,
    "user_id": _opaque,
    "anonymous_id": _opaque,
    "device": _opaque,
    "account": _opaque,
}
