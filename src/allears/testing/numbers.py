"""Numbers that pass their check digits and belong to nobody."""

from __future__ import annotations

import random

_BANKS = {"GB": "LARK", "IE": "LARK", "NL": "LARK"}


def card_number(rng: random.Random) -> str:
    """Draw a card number of sixteen digits with a right Luhn digit.

    Examples
    --------
    >>> digits = [int(d) for d in card_number(random.Random(1)) if d.isdigit()]
    >>> sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)) % 10
    0
    """
    digits = [int(d) for d in rng.choice(("4000", "5200", "4111", "5105"))] + [
        rng.randrange(10) for _ in range(11)
    ]
    total = sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits))
    digits.append(-total % 10)
    text = "".join(map(str, digits))
    gap = rng.choice((" ", " ", "", "-"))
    return gap.join(text[i : i + 4] for i in range(0, 16, 4))


def iban(rng: random.Random, country: str) -> str:
    """Draw an IBAN with right check digits; countries with checks of their own get a German online bank's.

    Examples
    --------
    >>> text = iban(random.Random(1), "DE").replace(" ", "")
    >>> int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97
    1
    """
    lengths = {"GB": 14, "IE": 14, "NL": 10}
    place = country if country in lengths else "DE"
    body = _BANKS.get(place, "") + "".join(str(rng.randrange(10)) for _ in range(lengths.get(place, 18)))
    value = int("".join(str(int(c, 36)) for c in body + place + "00"))
    text = f"{place}{98 - value % 97:02d}{body}"
    if rng.random() < 0.4:
        return text
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def spell_phone(phone: str, rng: random.Random) -> str:
    """Write an international number one of the ways people do.

    Examples
    --------
    >>> sorted({spell_phone("+447400123456", random.Random(i)) for i in range(9)})
    ['+44 7400 123456', '+447400123456', '0044 7400 123456', '07400 123456']
    """
    prefix = next(
        (p for p in ("+353", "+44", "+49", "+33", "+39", "+34", "+31") if phone.startswith(p)), phone[:3]
    )
    rest = phone[len(prefix) :]
    spaced = f"{rest[:4]} {rest[4:]}"
    # Italian and Spanish numbers are written without a leading zero at home.
    trunk = "" if prefix in ("+39", "+34") else "0"
    return rng.choice(
        (phone, f"{prefix} {spaced}", f"{trunk}{spaced}", f"00{prefix[1:]} {spaced}", f"{trunk}{spaced}")
    )
