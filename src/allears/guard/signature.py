"""Is a webhook from whom it says: the signature schemes vendors use, as typed data, checked in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import parse_qsl

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

Scheme = Literal["hmac", "ed25519", "twilio", "token", "basic"]
# Who signs a form posts a few hundred short fields; more is read only by whoever wants to keep us busy, unsigned.
MOST_FIELDS, LONGEST_FORM = 2_000, 1 << 20
_PART = re.compile(r"\{(body|timestamp|id|url|method|form\.\w+)\}")


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How one vendor signs: what is signed, with which key, and where the signature stands.

    Examples
    --------
    >>> github = Signature(scheme="hmac", header="x-hub-signature-256", prefix="sha256=")
    >>> from datetime import UTC, datetime
    >>> given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    >>> sent = Sent("POST", "", {"x-hub-signature-256": given}, b"Hello, World!")
    >>> signed_by([github], sent, "It's a Secret to Everybody", datetime.now(UTC))
    True
    """

    scheme: Annotated[
        Scheme,
        Meta(
            description="hmac of what `signed` says; ed25519; twilio (HMAC-SHA1 of address and sorted form); "
            "token and basic compare a secret that is sent along."
        ),
    ]
    header: Annotated[str, Meta(description="Header that holds signature or token, lower case.")] = ""
    query: Annotated[str, Meta(description="Or the query parameter that holds the token.")] = ""
    form: Annotated[str, Meta(description="Or the form field that holds the signature.")] = ""
    hash: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Meta(description="What stands before the signature, such as sha256=.")] = ""
    split: Annotated[str, Meta(description="What parts several signatures in one header.")] = ""
    signed: Annotated[
        str, Meta(description="Parts: {body} {timestamp} {id} {url} {method} {form.NAME}; the rest as is.")
    ] = "{body}"
    id: Annotated[str, Meta(description="Header of {id}.")] = ""
    timestamp: Annotated[str, Meta(description="Header of {timestamp}: seconds, milliseconds, ISO 8601.")] = (
        ""
    )
    timestamp_prefix: Annotated[
        str, Meta(description="The timestamp stands in the signature's own header behind this.")
    ] = ""
    window_seconds: Annotated[
        int, Meta(description="A timestamp further away than this is a replay.", ge=1)
    ] = 300
    key: Annotated[
        Literal["text", "base64"], Meta(description="The secret is the key, or is the key in base64.")
    ] = "text"
    key_prefix: Annotated[str, Meta(description="What is cut off the secret first, such as whsec_.")] = ""


class Sent(msgspec.Struct, frozen=True):
    """What a signature can be about: method, full address, headers (lower case), body, query."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = {}


def signed_by(signatures: Iterable[Signature], sent: Sent, secret: str, now: datetime) -> bool:
    """Tell whether a request carries one of the signatures, made with the secret, within its window.

    The first scheme whose signature is there decides, so that a wrong strong one is not saved by a weak one.
    """
    try:
        for one in signatures:
            if given := _given(one, sent):
                return bool(secret) and _CHECKS[one.scheme](one, sent, given, secret, now)
    except _TooMuch:
        return False
    return False


def sign(one: Signature, sent: Sent, secret: str, stamp: str = "") -> str:
    """Sign as the vendor does, for tests and for trying a channel: the value of the signature's header."""
    if one.scheme == "token":
        return one.prefix + secret
    if one.scheme == "basic":
        return "Basic " + base64.b64encode(secret.encode()).decode()
    made = one.prefix + _encoded(one, _expected(one, sent, secret, stamp))
    return f"{one.timestamp_prefix}{stamp}{one.split}{made}" if one.timestamp_prefix else made


def _given(one: Signature, sent: Sent) -> str:
    if one.form:
        return _field(sent, one.form)
    if one.query:
        return sent.query.get(one.query, "")
    return sent.headers.get("authorization" if one.scheme == "basic" else one.header, "")


def _hmac(one: Signature, sent: Sent, given: str, secret: str, now: datetime) -> bool:
    parts = [part.strip() for part in given.split(one.split)] if one.split else [given.strip()]
    stamp = sent.headers.get(one.timestamp, "") if one.timestamp else ""
    if one.timestamp_prefix:
        stamp = next(
            (p.removeprefix(one.timestamp_prefix) for p in parts if p.startswith(one.timestamp_prefix)), ""
        )
    if (one.timestamp or one.timestamp_prefix) and not _fresh(stamp, one.window_seconds, now):
        return False
    expected = _expected(one, sent, secret, stamp)
    return any(
        hmac.compare_digest(expected, _decoded(one, part.removeprefix(one.prefix)))
        for part in parts
        if part.startswith(one.prefix)
    )


def _expected(one: Signature, sent: Sent, secret: str, stamp: str) -> bytes:
    if one.scheme == "twilio":
        pairs = sorted(set(_pairs(sent.body)))
        signed = (sent.url + "".join(name + value for name, value in pairs)).encode()
        return hmac.digest(secret.encode(), signed, "sha1")
    found: list[bytes] = []
    for place, part in enumerate(_PART.split(one.signed)):
        if place % 2 == 0:
            found.append(part.encode())
        elif part == "body":
            found.append(sent.body)
        elif part.startswith("form."):
            found.append(_field(sent, part.removeprefix("form.")).encode())
        else:
            known = {"timestamp": stamp, "url": sent.url, "method": sent.method}
            found.append((known[part] if part in known else sent.headers.get(one.id, "")).encode())
    return hmac.digest(_key(one, secret), b"".join(found), one.hash)


def _twilio(one: Signature, sent: Sent, given: str, secret: str, now: datetime) -> bool:
    # A JSON body is not part of the signature; its hash is, as a query parameter of the signed address.
    if claimed := sent.query.get("bodySHA256"):
        if not hmac.compare_digest(hashlib.sha256(sent.body).hexdigest(), claimed.lower()):
            return False
        sent = msgspec.structs.replace(sent, body=b"")
    return hmac.compare_digest(_expected(one, sent, secret, ""), _decoded(one, given.strip()))


def _ed25519(one: Signature, sent: Sent, given: str, secret: str, now: datetime) -> bool:
    stamp = sent.headers.get(one.timestamp, "")
    if not _fresh(stamp, one.window_seconds, now):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(secret.strip()))
        key.verify(bytes.fromhex(given.strip()), stamp.encode() + sent.body)
    except (ValueError, InvalidSignature):
        return False
    return True


def _token(one: Signature, sent: Sent, given: str, secret: str, now: datetime) -> bool:
    return given.startswith(one.prefix) and _same(given.removeprefix(one.prefix), secret)


def _basic(one: Signature, sent: Sent, given: str, secret: str, now: datetime) -> bool:
    kind, _, value = given.partition(" ")
    try:
        return kind.lower() == "basic" and _same(base64.b64decode(value, validate=True).decode(), secret)
    except (binascii.Error, UnicodeDecodeError):
        return False


_CHECKS = {"hmac": _hmac, "ed25519": _ed25519, "twilio": _twilio, "token": _token, "basic": _basic}


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode("utf-8", "replace"))


def _key(one: Signature, secret: str) -> bytes:
    text = secret.removeprefix(one.key_prefix)
    if one.key == "text":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # of the wrong length, or with letters that are not ASCII
        return text.encode()


def _encoded(one: Signature, value: bytes) -> str:
    base64_ = one.encoding == "base64" or one.scheme == "twilio"
    return base64.b64encode(value).decode() if base64_ else value.hex()


def _decoded(one: Signature, text: str) -> bytes:
    try:
        if one.encoding == "base64" or one.scheme == "twilio":
            return base64.b64decode(text, validate=True)
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _fresh(stamp: str, window_seconds: int, now: datetime) -> bool:
    try:
        if stamp.isdigit():
            seconds = float(stamp) / (1000 if len(stamp) > 11 else 1)
        else:
            moment = datetime.fromisoformat(stamp)
            if moment.tzinfo is None:
                return False
            seconds = moment.timestamp()
    except (ValueError, OverflowError):
        return False
    return abs(now.timestamp() - seconds) <= window_seconds


def _field(sent: Sent, name: str) -> str:
    return dict(_pairs(sent.body)).get(name, "")


def _pairs(body: bytes) -> list[tuple[str, str]]:
    if len(body) > LONGEST_FORM or body.count(b"&") >= MOST_FIELDS:
        raise _TooMuch
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


class _TooMuch(Exception):
    """A form longer than any that a vendor signs."""
