"""Codes that change with time (RFC 6238): six digits, thirty seconds, SHA-1, as every authenticator reads them."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20


def code_at(secret: bytes, step: int, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """Work out the code of a step (RFC 4226, section 5.3).

    Examples
    --------
    >>> code_at(b"12345678901234567890", 59 // 30, digits=8)
    '94287082'
    """
    mac = hmac.digest(secret, step.to_bytes(8, "big"), algorithm)
    at = mac[-1] & 0x0F
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, seconds: float) -> int | None:
    """Find the step a code belongs to: this one or a neighbour, since clocks differ; ``None`` for a wrong code."""
    now, found = int(seconds // STEP_SECONDS), None
    for step in (now - 1, now, now + 1):
        # All are compared, whichever fits: the time taken says nothing.
        if step >= 0 and hmac.compare_digest(code_at(secret, step).encode(), code.encode("utf-8", "replace")):
            found = step
    return found


def shown(secret: bytes) -> str:
    """Write a secret as people type it.

    Examples
    --------
    >>> shown(b"12345678901234567890")
    'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
    """
    return base64.b32encode(secret).decode().rstrip("=")


def uri(secret: bytes, issuer: str, user: str) -> str:
    """Write what an authenticator reads from a picture.

    Examples
    --------
    >>> uri(b"12345678901234567890", "Allears acme", "ana")
    'otpauth://totp/Allears%20acme:ana?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Allears%20acme'
    """
    who = f"{quote(issuer, safe='')}:{quote(user, safe='')}"
    return f"otpauth://totp/{who}?secret={shown(secret)}&issuer={quote(issuer, safe='')}"
