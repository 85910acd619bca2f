"""IAB Europe's consent strings (TCF 2): which purposes somebody consented to. Vendors are not read.

References
----------
Consent string and vendor list formats v2, section "Core string":
https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

import msgspec

from allears.errors import Refused

_LONGEST = 20_000
# Name and bits of the core string's fields, as far as they are read.
_FIELDS = (
    ("version", 6), ("created", 36), ("updated", 36), ("cmp", 12), ("cmp_version", 12), ("screen", 6), ("language", 12),
    ("vendor_list", 12), ("policy", 6), ("service_specific", 1), ("non_standard", 1), ("special_features", 12),
    ("consents", 24), ("interests", 24),
)  # fmt: skip
_BITS = sum(bits for _, bits in _FIELDS)


class TcString(msgspec.Struct, frozen=True):
    """What a consent string says of TCF's purposes 1 to 24.

    Parameters
    ----------
    consents
        Purposes consented to.
    interests
        Purposes for which a legitimate interest was told of and not objected to.
    """

    created: datetime
    updated: datetime
    cmp: int
    language: str
    vendor_list: int
    policy: int
    consents: frozenset[int]
    interests: frozenset[int]


def read_tcf(text: str) -> TcString:
    """Read a TCF 2 consent string.

    Raises
    ------
    Refused
        It is none, or of another version.

    Examples
    --------
    >>> sorted(read_tcf("COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA").consents)
    [1, 2, 3]
    """
    core = text.strip().partition(".")[0]
    if not core or len(text) > _LONGEST:
        raise Refused("expected a consent string of TCF 2")
    try:
        raw = base64.b64decode(core + "=" * (-len(core) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused("expected a consent string of TCF 2") from None
    left = len(raw) * 8
    if left < _BITS:
        raise Refused("a consent string that is cut off")
    whole = int.from_bytes(raw)
    read: dict[str, int] = {}
    for name, bits in _FIELDS:
        left -= bits
        read[name] = whole >> left & (1 << bits) - 1
    if read["version"] != 2:
        raise Refused("expected version 2 of TCF")
    letters = (read["language"] >> 6, read["language"] & 63)
    return TcString(
        created=_moment(read["created"]),
        updated=_moment(read["updated"]),
        cmp=read["cmp"],
        language="".join(chr(65 + letter) for letter in letters if letter < 26),
        vendor_list=read["vendor_list"],
        policy=read["policy"],
        consents=_numbers(read["consents"]),
        interests=_numbers(read["interests"]),
    )


def _moment(tenths: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=100 * tenths)


def _numbers(bits: int) -> frozenset[int]:
    return frozenset(n for n in range(1, 25) if bits >> (24 - n) & 1)
