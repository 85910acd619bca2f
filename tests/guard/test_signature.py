"""Signatures of vendors, against what the vendors publish and against formulas written down here a second time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from allears.guard.signature import Sent, Signature, signed_by
from allears.listen.known_vendors import Vendors

SHELF = Vendors()
NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
URL = "https://ears.example/hooks/desk"
BODY = '{"text": "grüße"}'.encode()
WHSEC = "whsec_STSCoOYR2fO1JQ9oDgpliihboBNAVuANY7zVeSHQUys="
TEAMS_KEY = base64.b64encode(b"0123456789abcdef").decode()
DISCORD = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
DISCORD_KEY = DISCORD.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
ISO = "2026-06-01T08:00:00Z"


def mac(key: str | bytes, message: bytes, name: str = "sha256") -> hmac.HMAC:
    return hmac.new(key.encode() if isinstance(key, str) else key, message, getattr(hashlib, name))


def b64(found: hmac.HMAC) -> str:
    return base64.b64encode(found.digest()).decode()


def whsec(at: datetime = NOW) -> dict[str, str]:
    sign = Webhook(WHSEC).sign("msg_1", at, BODY.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,bm9uZQ== {sign}",
    }


# Vendor: secret, headers of a good request. Written from each vendor's own words, not from our table.
SIGNED: dict[str, tuple[str, dict[str, str]]] = {
    "zendesk": ("s3", {"x-zendesk-webhook-signature": b64(mac("s3", ISO.encode() + BODY)), "x-zendesk-webhook-signature-timestamp": ISO}),
    "intercom": ("s3", {"x-hub-signature": "sha1=" + mac("s3", BODY, "sha1").hexdigest()}),
    "freshdesk": ("s3", {"x-allears-token": "s3"}),
    "front": ("s3", {"x-front-signature": b64(mac("s3", f"{STAMP}000:".encode() + BODY)), "x-front-request-timestamp": f"{STAMP}000"}),
    "hubspot": ("s3", {"x-hubspot-signature-v3": b64(mac("s3", f"POST{URL}".encode() + BODY + f"{STAMP}000".encode())), "x-hubspot-request-timestamp": f"{STAMP}000"}),
    "slack": ("s3", {"x-slack-signature": "v0=" + mac("s3", f"v0:{STAMP}:".encode() + BODY).hexdigest(), "x-slack-request-timestamp": STAMP}),
    "teams": (TEAMS_KEY, {"authorization": "HMAC " + b64(mac(b"0123456789abcdef", BODY))}),
    "whatsapp": ("s3", {"x-hub-signature-256": "sha256=" + mac("s3", BODY).hexdigest()}),
    "facebook": ("s3", {"x-hub-signature-256": "sha256=" + mac("s3", BODY).hexdigest()}),
    "instagram": ("s3", {"x-hub-signature-256": "sha256=" + mac("s3", BODY).hexdigest()}),
    "github": ("s3", {"x-hub-signature-256": "sha256=" + mac("s3", BODY).hexdigest()}),
    "call-transcripts": ("s3", {"x-allears-token": "s3"}),
    "telegram": ("s3", {"x-telegram-bot-api-secret-token": "s3"}),
    "discord": (DISCORD_KEY, {"x-signature-ed25519": DISCORD.sign(STAMP.encode() + BODY).hex(), "x-signature-timestamp": STAMP}),
    "chatwoot": ("s3", {"x-chatwoot-signature": "sha256=" + mac("s3", f"{STAMP}.".encode() + BODY).hexdigest(), "x-chatwoot-timestamp": STAMP}),
    "typeform": ("s3", {"typeform-signature": "sha256=" + b64(mac("s3", BODY))}),
    "surveymonkey": ("id&s3", {"sm-signature": b64(mac("id&s3", BODY, "sha1"))}),
    "qualtrics": ("s3", {"x-allears-token": "s3"}),
    "formbricks": (WHSEC, whsec()),
    "stripe": ("s3", {"stripe-signature": f"t={STAMP},v1={'0' * 64},v1={mac('s3', f'{STAMP}.'.encode() + BODY).hexdigest()},v0=x"}),
    "shopify": ("s3", {"x-shopify-hmac-sha256": b64(mac("s3", BODY))}),
    "pagerduty": ("s3", {"x-pagerduty-signature": f"v1={'0' * 64},v1={mac('s3', BODY).hexdigest()}"}),
    "trustpilot": ("user:s3", {"authorization": "Basic " + base64.b64encode(b"user:s3").decode()}),
}  # fmt: skip
BY_QUERY = {"salesforce", "statuspage", "trustpilot", "chatwoot"}
TIMED = {"zendesk", "front", "hubspot", "slack", "discord", "chatwoot", "formbricks", "stripe"}


def accepted(
    vendor: str, headers: dict[str, str], secret: str, body: bytes = BODY, at: datetime = NOW, **query: str
) -> bool:
    return signed_by(SHELF[vendor].vendor.signature, Sent("POST", URL, headers, body, query), secret, at)


def test_every_vendor_that_ships_signs_somehow_and_is_tested() -> None:
    assert {*SIGNED, *BY_QUERY, "twilio"} == set(SHELF)
    for name in SHELF:
        assert SHELF[name].vendor.signature and SHELF[name].vendor.verified


@pytest.mark.parametrize("vendor", sorted(SIGNED))
def test_a_good_signature_is_let_in_and_anything_else_is_not(vendor: str) -> None:
    secret, headers = SIGNED[vendor]
    assert accepted(vendor, headers, secret)
    assert not accepted(vendor, headers, "another" if vendor != "discord" else "00" * 32)
    assert not accepted(vendor, {}, secret)
    assert not accepted(vendor, headers, "")
    for name in headers:
        assert not accepted(vendor, {k: v for k, v in headers.items() if k != name}, secret), (
            f"without {name}"
        )
        for wrong in ("", "x", "é", "=" * 90, "v1=", "sha256=", "\0"):
            assert not accepted(vendor, headers | {name: wrong}, secret)
    if (
        not any(s.scheme in ("token", "basic") for s in SHELF[vendor].vendor.signature[:1])
        and vendor != "trustpilot"
    ):
        assert not accepted(vendor, headers, secret, BODY + b" "), "a changed body"


@pytest.mark.parametrize("vendor", sorted(TIMED))
def test_a_request_sent_again_later_is_turned_away(vendor: str) -> None:
    secret, headers = SIGNED[vendor]
    window = timedelta(seconds=SHELF[vendor].vendor.signature[0].window_seconds)
    assert accepted(vendor, headers, secret, at=NOW + window)
    assert not accepted(vendor, headers, secret, at=NOW + window + timedelta(seconds=1))
    assert not accepted(vendor, headers, secret, at=NOW - window - timedelta(seconds=1))


def test_vendors_without_a_timestamp_say_so() -> None:
    for name in set(SHELF) - TIMED:
        first = SHELF[name].vendor.signature[0]
        assert not first.timestamp and not first.timestamp_prefix


@pytest.mark.parametrize("vendor", sorted(BY_QUERY))
def test_a_token_in_the_address_is_compared_whole(vendor: str) -> None:
    assert accepted(vendor, {}, "tok", token="tok")
    for wrong in ("to", "tok ", "tokk", "", "Tok"):
        assert not accepted(vendor, {}, "tok", token=wrong)


def test_slacks_published_example() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "x-slack-request-timestamp": "1531420618",
    }
    at = datetime.fromtimestamp(1531420618, UTC)
    assert accepted("slack", headers, "8f742231b10e8888abcd99yyyzzz85a5", body, at)


def test_twilios_published_example() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    body = (
        b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
    )
    [scheme] = SHELF["twilio"].vendor.signature
    good = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    assert signed_by([scheme], Sent("POST", url, good, body), "12345", NOW)
    assert not signed_by([scheme], Sent("POST", url + "&x=1", good, body), "12345", NOW)
    assert not signed_by([scheme], Sent("POST", url, good, body + b"&x=1"), "12345", NOW)


def test_twilios_json_bodies_are_bound_by_their_hash() -> None:
    body = b'{"a": 1}'
    url = f"https://x.example/hooks/t?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"x-twilio-signature": b64(mac("12345", url.encode(), "sha1"))}
    [scheme] = SHELF["twilio"].vendor.signature
    query = dict(parse_qsl(url.partition("?")[2]))
    assert signed_by([scheme], Sent("POST", url, headers, body, query), "12345", NOW)
    assert not signed_by([scheme], Sent("POST", url, headers, body + b" ", query), "12345", NOW)


def test_qualtrics_signs_one_field_of_the_form() -> None:
    message = '{"ResponseID": "R_1"}'
    body = (
        b"MSG=%7B%22ResponseID%22%3A+%22R_1%22%7D&HMAC="
        + mac("s3", message.encode(), "sha512").hexdigest().encode()
    )
    assert accepted("qualtrics", {}, "s3", body)
    assert not accepted("qualtrics", {}, "s3", body.replace(b"R_1", b"R_2"))


def test_a_wrong_strong_signature_is_not_saved_by_a_weak_one() -> None:
    secret, headers = SIGNED["chatwoot"]
    assert not accepted(
        "chatwoot", headers | {"x-chatwoot-signature": "sha256=" + "0" * 64}, secret, token=secret
    )


@example("teams", {"authorization": "HMAC x"}, b"", "\x80")
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SHELF)),
    st.dictionaries(st.sampled_from(sorted({s.header or "authorization" for n in SHELF for s in SHELF[n].vendor.signature} | {s.timestamp or "x" for n in SHELF for s in SHELF[n].vendor.signature})), st.text(max_size=60), max_size=4),
    st.binary(max_size=60),
    st.text(min_size=1, max_size=20),
)  # fmt: skip
def test_no_header_and_no_body_breaks_the_check(
    vendor: str, headers: dict[str, str], body: bytes, secret: str
) -> None:
    tokens = [s for s in SHELF[vendor].vendor.signature if s.scheme == "token"]
    if not any(headers.get(s.header) == secret for s in tokens):
        assert accepted(vendor, headers, secret, body) is False


def test_a_scheme_of_ones_own_is_written_as_data() -> None:
    mine = Signature(
        scheme="hmac", header="x-me", hash="sha512", encoding="base64", signed="{method}|{body}", prefix="m="
    )
    made = "m=" + b64(mac("s3", b"POST|" + BODY, "sha512"))
    assert signed_by([mine], Sent("POST", URL, {"x-me": made}, BODY), "s3", NOW)


@pytest.mark.parametrize("vendor", ["twilio", "qualtrics"])
@pytest.mark.parametrize("body", [b"&" * 3_000, b"a=" + b"%41" * 400_000], ids=["many", "long"])
def test_a_form_longer_than_any_vendor_signs_is_not_read_for_its_signature(
    vendor: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> list[tuple[str, str]]:
        raise AssertionError("an unsigned form of any length was read field by field")

    monkeypatch.setattr("allears.guard.signature.parse_qsl", never)
    sent = Sent("POST", URL, {"x-twilio-signature": "AAAA"}, body)
    assert not signed_by(SHELF[vendor].vendor.signature, sent, "a secret", NOW)
