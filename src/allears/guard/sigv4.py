"""Signature Version 4: how requests to AWS are signed. Forty lines, held against botocore's own signer in the tests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit


class Credentials(NamedTuple):
    """Who asks; ``token`` for credentials that end."""

    access: str
    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return "Credentials()"


def sign_v4(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    who: Credentials,
    *,
    region: str,
    service: str,
    at: datetime | None = None,
) -> dict[str, str]:
    """Give the headers of a POST, signed.

    References
    ----------
    .. [1] AWS, Create a signed AWS API request, IAM User Guide.
    """
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in headers.items()}
    sent |= {"host": parts.netloc, "x-amz-date": stamp}
    if who.token:
        sent["x-amz-security-token"] = who.token
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name].strip()}\n" for name in sorted(sent))
    asked = f"POST\n{parts.path or '/'}\n{parts.query}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    key = b"AWS4" + who.secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, told.encode(), "sha256").hex()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent
