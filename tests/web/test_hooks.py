"""The door of vendors' webhooks: signed or not at all, answered when durable, as the vendor wants to hear it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.vendor_payloads import CASES, VENDORS

from allears.guard.signature import Sent, sign
from allears.listen.known_vendors import Vendors
from allears.space import Space
from allears.web.app import build

SECRET = "a secret of the vendor"
SHELF = Vendors()
DISCORD = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space") as opened:
        yield opened


@pytest.fixture
def client(space: Space) -> Iterator[httpx.Client]:
    from starlette.testclient import TestClient

    yield TestClient(build(space, parts=frozenset({"listen"})), raise_server_exceptions=False)  # type: ignore[misc]


def secret_of(vendor: str) -> str:
    if vendor == "discord":
        return DISCORD.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    return "user:pass" if vendor == "freshdesk" else SECRET


def post(
    client: httpx.Client,
    vendor: str,
    body: bytes,
    content_type: str = "application/json",
    *,
    age: int = 0,
    source: str = "",
    **headers: str,
) -> httpx.Response:
    """Post as the vendor does, signed ``age`` seconds ago."""
    scheme = SHELF[vendor].vendor.signature[0]
    stamp = str(int(time.time()) - age)
    sent = {"content-type": content_type, **headers}
    path = f"/hooks/{source or vendor}"
    if scheme.timestamp:
        sent[scheme.timestamp] = stamp
    if scheme.id:
        sent[scheme.id] = "msg_1"
    if scheme.query:
        path += f"?{scheme.query}={SECRET}"
    elif scheme.scheme == "ed25519":
        sent[scheme.header] = DISCORD.sign(stamp.encode() + body).hex()
    else:
        sent[scheme.header] = sign(
            scheme, Sent("POST", f"http://testserver{path}", sent, body), secret_of(vendor), stamp
        )
    return client.post(path, content=body, headers=sent)


def stored(space: Space) -> list[dict[str, Any]]:
    space.digest(look=False)
    return space.ground.engine.query(
        "SELECT signal_id, kind, text FROM signals ORDER BY signal_id"
    ).to_pylist()


def test_every_vendors_every_payload_comes_through_the_door_and_ends_as_it_should(
    space: Space, client: httpx.Client
) -> None:
    for vendor in VENDORS:
        space.add_channel(vendor, vendor, secret_of(vendor))
    for case in CASES:
        if case.vendor == "qualtrics" and case.content_type != "application/json":
            continue  # signed in the form itself: see the test of signatures
        answer = post(client, case.vendor, case.body, case.content_type, **case.headers)
        assert answer.status_code in (200, 204), (case.name, answer.text)
    rows = {row["signal_id"]: row for row in stored(space)}
    for case in CASES:
        if case.vendor == "qualtrics" and case.content_type != "application/json":
            continue
        name = f"{case.vendor}:{case.id}"
        kinds = {one.does for one in CASES if one.vendor == case.vendor and one.id == case.id}
        if case.id is not None and "delete" in kinds:
            assert name not in rows or rows[name]["text"] is None, case.name
        elif case.does == "edit" and "text" in case.wants:
            assert rows[name]["text"] is not None
        elif case.does == "create":
            assert name in rows, case.name
    assert space.refused() == []
    assert all(one["rejected"] == 0 for one in space.channels())


def test_a_posted_transcript_is_a_call_and_replayed_once_its_layout_is_known(
    space: Space, client: httpx.Client
) -> None:
    made = space.add_channel("phone", "call-transcripts", None)
    headers = {"x-allears-token": made["secret"], "content-type": "application/json"}
    known = {"timeline": [{"username": "Agent", "ts": "00:00:01.0", "text": "Hello"}, {"username": "Caller", "ts": "00:00:03.0", "text": "It broke"}], "recording_start": "2026-05-04T10:00:00Z", "recording_id": "z1"}  # fmt: skip
    answer = client.post("/hooks/phone", content=json.dumps(known), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nCaller: Nobody answers\n"
    spoken = client.post("/hooks/phone", content=vtt, headers=headers | {"content-type": "text/vtt"})
    assert spoken.json()["accepted"] == 1
    own = {"said": [{"who": "customer", "at": 1, "words": "The lid broke"}]}
    refused = client.post("/hooks/phone", content=json.dumps(own), headers=headers)
    assert refused.status_code == 400 and "call platform" in refused.json()["error"]["message"]
    assert client.post("/hooks/phone", content=vtt).status_code == 401
    folder = space.ground.folder / "platforms"
    folder.mkdir()
    layout = 'title = "Ours"\nwhen = "said"\nturns = "said[].{speaker: who, start: at, text: words}"\n'
    (folder / "ours.toml").write_text(layout, "utf-8")
    assert space.replay("phone").accepted == 1 and space.refused() == []
    texts = {row["text"] for row in stored(space)} - {None}
    assert texts == {"Hello", "It broke", "Nobody answers", "The lid broke"}


def test_a_wrong_signature_is_401_counted_and_kept_nowhere(space: Space, client: httpx.Client) -> None:
    for vendor in VENDORS:
        space.add_channel(vendor, vendor, secret_of(vendor))
        case = next(c for c in CASES if c.vendor == vendor)
        scheme = SHELF[vendor].vendor.signature[0]
        bare = client.post(f"/hooks/{vendor}", content=case.body, headers={"content-type": case.content_type})
        wrong = {
            scheme.header or "x": scheme.prefix + "0" * 64,
            scheme.timestamp or "y": str(int(time.time())),
        }
        answer = client.post(f"/hooks/{vendor}?token=wrong", content=case.body, headers=wrong)
        assert bare.status_code == answer.status_code == 401, vendor
        assert answer.json()["error"]["place"] == "signature"
        if scheme.timestamp or scheme.timestamp_prefix:
            old = scheme.window_seconds + 60
            again = post(client, vendor, case.body, case.content_type, age=old, **case.headers)
            assert again.status_code == 401, vendor
    assert "hooks_rejected" not in client.get("/metrics").text
    key = space.keys.make("engineer", "watch")[0]
    metrics = client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text
    for channel in space.channels():
        assert channel["rejected"] >= 2
        assert f'allears_hooks_rejected{{source="{channel["source"]}"}} {channel["rejected"]}' in metrics
    assert space.status()["rejected"] == sum(channel["rejected"] for channel in space.channels())
    assert stored(space) == [] and space.refused() == []


def test_a_delivery_repeated_within_the_window_counts_once(space: Space, client: httpx.Client) -> None:
    space.add_channel("slack", "slack", SECRET)
    case = next(c for c in CASES if c.vendor == "slack")
    for _ in range(3):
        assert post(client, "slack", case.body).status_code == 200
    assert len(stored(space)) == 1


def test_an_unknown_source_is_404_and_a_removed_one_too(space: Space, client: httpx.Client) -> None:
    assert client.post("/hooks/nobody", json={}).status_code == 404
    space.add_channel("slack", "slack", SECRET)
    space.remove_channel("slack")
    assert post(client, "slack", b"{}").status_code == 404
    for path in ("/hooks/", "/hooks/a/b", "/hooks/..%2f..%2fetc"):
        assert client.post(path, json={}).status_code in (404, 405)


def test_greetings_are_answered_as_each_vendor_wants(space: Space, client: httpx.Client) -> None:
    for vendor in ("slack", "discord", "front", "twilio", "teams", "salesforce"):
        space.add_channel(vendor, vendor, secret_of(vendor))
    challenge = post(client, "slack", b'{"type": "url_verification", "challenge": "<b>abc</b>"}')
    assert (challenge.text, challenge.headers["content-type"]) == ("<b>abc</b>", "text/plain; charset=utf-8")
    assert client.post("/hooks/slack", json={"type": "url_verification", "challenge": "x"}).status_code == 401
    assert post(client, "discord", b'{"type": 0}').status_code == 204
    assert post(client, "discord", b'{"type": 1, "token": "t", "id": "1"}').json() == {"type": 1}
    assert post(client, "front", b"{}", **{"x-front-challenge": "chal"}).json() == {"challenge": "chal"}
    sms = next(c for c in CASES if c.vendor == "twilio")
    assert "<Response>" in post(client, "twilio", sms.body, sms.content_type).text
    said = next(c for c in CASES if c.vendor == "teams")
    assert post(client, "teams", said.body).json()["type"] == "message"
    soap = next(c for c in CASES if c.vendor == "salesforce")
    acknowledged = post(client, "salesforce", soap.body, soap.content_type)
    assert "<Ack>true</Ack>" in acknowledged.text and "xml" in acknowledged.headers["content-type"]
    assert len(stored(space)) == 3


def test_meta_asks_whether_the_address_is_ours(space: Space, client: httpx.Client) -> None:
    verify = space.add_channel("page", "facebook", SECRET)["verify_token"]
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": verify}
    good = client.get("/hooks/page", params=asked)
    assert (good.status_code, good.text) == (200, "1158201444")
    assert good.headers["content-type"].startswith("text/plain")
    for wrong in ("", "x", verify[:-1], verify + "0"):
        assert client.get("/hooks/page", params=asked | {"hub.verify_token": wrong}).status_code == 401
    assert client.get("/hooks/page").status_code == 404
    assert client.head("/hooks/page").status_code == 200


def test_twilio_signs_the_public_address_behind_a_proxy(space: Space, client: httpx.Client) -> None:
    public = "https://ears.example/hooks/sms"
    space.add_channel("sms", "twilio", SECRET, url=public)
    case = next(c for c in CASES if c.vendor == "twilio")
    scheme = SHELF["twilio"].vendor.signature[0]
    good = sign(scheme, Sent("POST", public, {}, case.body), SECRET)
    headers = {"content-type": case.content_type, "x-twilio-signature": good}
    assert client.post("/hooks/sms", content=case.body, headers=headers).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000, b"<a/>"])
def test_a_signed_body_that_cannot_be_read_is_400_and_kept_sealed(
    space: Space, client: httpx.Client, body: bytes
) -> None:
    space.add_channel("github", "github", SECRET)
    answer = post(client, "github", body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message", "place"}
    [row] = space.refused()
    assert row["source"] == "github"


def test_an_event_nobody_knows_is_kept_and_the_vendor_is_not_made_to_repeat_it(
    space: Space, client: httpx.Client
) -> None:
    space.add_channel("page", "facebook", SECRET)
    body = json.dumps(
        {
            "object": "page",
            "entry": [
                {
                    "id": "1",
                    "messaging": [
                        {"novelty": 1},
                        {"sender": {"id": "ps"}, "message": {"mid": "m1", "text": "hi"}},
                    ],
                }
            ],
        }
    ).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = client.post("/hooks/page", content=body, headers={"x-hub-signature-256": signature})
    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["refused"]) == (1, 1)
    assert len(stored(space)) == 1
    assert len(space.refused()) == 1
    assert space.replay().refused == 1


def test_a_body_too_large_is_413(space: Space, client: httpx.Client) -> None:
    space.add_channel("github", "github", SECRET)
    assert post(client, "github", b" " * (17 << 20)).status_code == 413


def test_a_full_disk_answers_429_and_loses_nothing(
    space: Space, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.add_channel("slack", "slack", SECRET)
    case = next(c for c in CASES if c.vendor == "slack")
    monkeypatch.setattr(space.ground.inbox._segments, "_min_free", 1 << 60)
    monkeypatch.setattr(space.ground.inbox, "_measured", (-10.0, 0, False))
    assert post(client, "slack", case.body).status_code == 429
    monkeypatch.setattr(space.ground.inbox._segments, "_min_free", 0)
    monkeypatch.setattr(space.ground.inbox, "_measured", (-10.0, 0, False))
    assert post(client, "slack", case.body).status_code == 200
    assert len(stored(space)) == 1


def test_the_secret_is_in_no_file_and_no_answer(space: Space, client: httpx.Client, tmp_path: Path) -> None:
    space.add_channel("slack", "slack", SECRET)
    made = space.add_channel("bot", "telegram")["secret"]
    post(client, "slack", b"{}")
    shown = json.dumps([space.channels(), space.status()], default=str)
    key = space.keys.make("engineer", "watch")[0]
    shown += client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text
    for secret in (SECRET, made):
        assert secret not in shown
        assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
    told = [entry.action for entry in space.ground.audit.entries()]
    # That the key was used is noted by a thread of its own, sooner or later.
    assert [action for action in told if action != "key.used"] == ["channel.add"] * 2


def test_the_last_wrong_signature_is_written_down_without_another_after_it(space: Space) -> None:
    from sqlalchemy import select
    from starlette.testclient import TestClient

    from allears.desk.hooks import Hook

    space.add_channel("slack", "slack", SECRET)
    with TestClient(build(space, parts=frozenset({"listen"}))) as client:
        for _ in range(3):
            assert client.post("/hooks/slack", content=b"{}").status_code == 401
        until, written = time.monotonic() + 60, 0
        while written < 3 and time.monotonic() < until:
            time.sleep(0.1)
            # As another process, such as the command line, sees it.
            with space.ground.desk.reading() as session:
                written = session.scalars(select(Hook.rejected)).one()
    assert written == 3


def test_a_flood_of_wrong_signatures_is_counted_without_a_write_for_each(
    space: Space, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.add_channel("slack", "slack", SECRET)
    for _ in range(50):
        assert client.post("/hooks/slack", content=b"{}").status_code == 401
    assert space.channels()[0]["rejected"] == 50


def test_basic_authentication_lets_in(space: Space, client: httpx.Client) -> None:
    space.add_channel("desk", "freshdesk", "user:pass")
    case = next(c for c in CASES if c.vendor == "freshdesk")
    basic = "Basic " + base64.b64encode(b"user:pass").decode()
    assert client.post("/hooks/desk", content=case.body, headers={"authorization": basic}).status_code == 200
    assert (
        client.post(
            "/hooks/desk", content=case.body, headers={"authorization": basic[:-2] + "xx"}
        ).status_code
        == 401
    )
