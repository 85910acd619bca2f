from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from allears.space import Space
from allears.web.app import build


def event(number: int, **more: object) -> dict[str, object]:
    return {
        "type": "track",
        "event": "Viewed",
        "messageId": f"m{number}",
        "anonymousId": "a1",
        "timestamp": "2026-06-01T10:00:00Z",
        **more,
    }


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space") as opened:
        yield opened


@pytest.fixture
def key(space: Space) -> str:
    return space.keys.make("engineer", "shop")[0]


@pytest.fixture
def client(space: Space) -> Iterator[httpx.Client]:
    # The application without its loop: what a door answers must not depend on the digest.
    from starlette.testclient import TestClient

    yield TestClient(build(space, parts=frozenset({"listen"})), raise_server_exceptions=False)  # type: ignore[misc]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def stored(space: Space) -> list[str]:
    space.digest(look=False)
    return sorted(space.ground.engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist())


def test_nobody_is_let_in_without_a_key(client: httpx.Client) -> None:
    answer = client.post("/v1/track", json=event(1))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_allowed"


def test_a_role_that_may_not_send_is_refused(space: Space, client: httpx.Client) -> None:
    key = space.keys.make("analyst", "curious")[0]
    assert client.post("/v1/track", json=event(1), headers=bearer(key)).status_code == 403


def test_segments_write_key_is_the_basic_user(space: Space, client: httpx.Client, key: str) -> None:
    basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    assert client.post("/v1/track", json=event(1), headers={"Authorization": basic}).status_code == 200
    assert stored(space) == ["shop:m1"]


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "group", "alias"])
def test_each_call_of_segment_is_taken(space: Space, client: httpx.Client, key: str, call: str) -> None:
    body = {
        "messageId": "x",
        "userId": "u1",
        "previousId": "a1",
        "groupId": "g1",
        "event": "E",
        "name": "N",
        "traits": {},
        "timestamp": "2026-06-01T10:00:00Z",
    }
    assert client.post(f"/v1/{call}", json=body, headers=bearer(key)).status_code == 200
    assert len(stored(space)) == 1


def test_one_bad_event_among_a_hundred_costs_the_others_nothing(
    space: Space, client: httpx.Client, key: str
) -> None:
    batch = [event(i) for i in range(100)]
    batch[42] = {"type": "track", "event": 17, "messageId": "m42", "anonymousId": "a1"}
    answer = client.post("/v1/batch", json={"batch": batch}, headers=bearer(key)).json()
    assert (answer["accepted"], answer["refused"]) == (99, 1)
    assert "42" in answer["reasons"][0]["place"]
    assert len(stored(space)) == 99
    assert len(space.refused()) == 1


def test_gzip_is_undone_and_a_bomb_is_refused(space: Space, client: httpx.Client, key: str) -> None:
    body = gzip.compress(json.dumps({"batch": [event(1)]}).encode())
    headers = bearer(key) | {"Content-Encoding": "gzip"}
    assert client.post("/v1/batch", content=body, headers=headers).status_code == 200
    bomb = gzip.compress(bytes(200 << 20), compresslevel=9)
    assert client.post("/v1/batch", content=bomb, headers=headers).status_code == 413
    assert client.post("/v1/batch", content=b"not gzip", headers=headers).status_code == 400
    assert client.post("/v1/batch", content=body[:-9], headers=headers).status_code == 400


def test_every_member_of_a_gzip_stream_is_read_and_nothing_may_follow_it(
    space: Space, client: httpx.Client, key: str
) -> None:
    headers = bearer(key) | {"Content-Encoding": "gzip"}
    members = [gzip.compress(b'{"id": "%d", "text": "hello %d"}\n' % (n, n)) for n in range(3)]
    for body in (b"".join(members), iter(members)):
        answer = client.post("/signals?source=own", content=body, headers=headers)
        assert (answer.status_code, answer.json().get("accepted")) == (200, 3)
    assert len(stored(space)) == 3
    assert (
        client.post("/signals?source=own", content=b"".join(members)[:-9], headers=headers).status_code == 400
    )
    assert (
        client.post("/signals?source=own", content=gzip.compress(b"") * 2000, headers=headers).status_code
        == 400
    )
    for junk in (members[0] + b"junk", iter([members[0], *[bytes(1 << 16)] * 50])):
        answer = client.post("/signals?source=own", content=junk, headers=headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "expected gzip")


def test_a_channel_that_is_none_is_refused_for_all_of_the_request(
    space: Space, client: httpx.Client, key: str
) -> None:
    for path, body in (("/v1/track", event(1)), ("/signals", {"text": "hello"})):
        answer = client.post(f"{path}?channel=pigeon", json=body, headers=bearer(key))
        assert (answer.status_code, answer.json()["error"]["place"]) == (400, "channel")
        assert client.post(f"{path}?channel=chat", json=body, headers=bearer(key)).status_code == 200
    assert len(stored(space)) == 2
    channels = space.ground.engine.query("SELECT DISTINCT channel FROM signals")
    assert channels.to_pylist() == [{"channel": "chat"}]


def test_our_own_shape_takes_one_many_and_lines(space: Space, client: httpx.Client, key: str) -> None:
    one = {
        "signal_id": "1",
        "text": "hello there",
        "occurred_at": "2026-06-01T10:00:00Z",
        "identifiers": {"user_id": "u1"},
    }
    assert client.post("/signals?source=own", json=one, headers=bearer(key)).json()["accepted"] == 1
    assert (
        client.post(
            "/signals?source=own",
            json=[one | {"signal_id": "2"}, one | {"signal_id": "3"}],
            headers=bearer(key),
        ).json()["accepted"]
        == 2
    )
    lines = "\n".join(json.dumps(one | {"signal_id": str(n)}) for n in (4, 5))
    assert client.post("/signals?source=own", content=lines, headers=bearer(key)).json()["accepted"] == 2
    assert len(stored(space)) == 5


def test_a_byte_order_mark_before_json_is_passed_over(space: Space, client: httpx.Client, key: str) -> None:
    mark = b"\xef\xbb\xbf"
    one = b'{"event": "Paid", "userId": "7", "messageId": "m1"}'
    many = b'{"batch": [{"type": "track", "event": "Paid", "userId": "8", "messageId": "m2"}]}'
    assert client.post("/v1/track", content=mark + one, headers=bearer(key)).status_code == 200
    assert client.post("/v1/batch", content=mark + many, headers=bearer(key)).status_code == 200
    # The id first: a key may hold those two letters too.
    again = many.replace(b"m2", b"m3")
    sent = mark + again.replace(b'{"batch"', b'{"writeKey": "%s", "batch"' % key.encode())
    assert client.post("/v1/batch", content=sent).status_code == 200
    space.digest()
    assert space.status()["stored"] == 3


def test_duplicate_ids_with_other_content_count_once_and_the_first_stays(
    space: Space, client: httpx.Client, key: str
) -> None:
    for text in ("first words", "other words"):
        client.post(
            "/signals?source=own",
            json={"signal_id": "1", "text": text, "identifiers": {"user_id": "u"}},
            headers=bearer(key),
        )
    assert stored(space) == ["own:1"]
    assert space.ground.engine.query("SELECT text FROM signals")["text"].to_pylist() == ["first words"]
    assert space.status()["duplicates"] == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 10_000 + b"]" * 10_000, b"\x00\x01\xff", b'"text"', b"null", b"12"]
)
def test_a_body_that_is_no_signal_is_refused_with_a_place(
    client: httpx.Client, key: str, body: bytes
) -> None:
    for path in ("/v1/batch", "/signals"):
        answer = client.post(path, content=body, headers=bearer(key))
        assert answer.status_code == 400, path
        assert set(answer.json()["error"]) == {"code", "message", "place"}


def test_spans_in_protobuf_are_answered_in_protobuf(space: Space, client: httpx.Client, key: str) -> None:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = "payments"
    span = resource.scope_spans.add().spans.add(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        name="POST /pay",
        start_time_unix_nano=1_780_000_000_000_000_000,
        end_time_unix_nano=1_780_000_000_050_000_000,
    )
    span.status.code = 2
    answer = client.post(
        "/v1/traces",
        content=request.SerializeToString(),
        headers=bearer(key) | {"Content-Type": "application/x-protobuf"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert not ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans
    space.digest(look=False)
    row = space.ground.engine.query("SELECT kind, service, ok, duration_ms FROM signals").to_pylist()[0]
    assert row == {"kind": "telemetry", "service": "payments", "ok": False, "duration_ms": 50.0}


def test_a_full_disk_answers_429_with_retry_after_and_recovers(
    tmp_path: Path, space: Space, client: httpx.Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space.ground.inbox._segments, "_min_free", 1 << 60)
    monkeypatch.setattr(space.ground.inbox, "_measured", (-10.0, 0, False))
    answer = client.post("/v1/track", json=event(1), headers=bearer(key))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    monkeypatch.setattr(space.ground.inbox._segments, "_min_free", 0)
    monkeypatch.setattr(space.ground.inbox, "_measured", (-10.0, 0, False))
    assert client.post("/v1/track", json=event(1), headers=bearer(key)).status_code == 200
    assert stored(space) == ["shop:m1"]


def test_health_and_metrics_need_no_key_and_tell_no_person(
    space: Space, client: httpx.Client, key: str
) -> None:
    client.post(
        "/signals", json={"text": "hi", "identifiers": {"email": "someone@example.com"}}, headers=bearer(key)
    )
    assert client.get("/health/live").json() == {"alive": True}
    assert client.get("/health/ready").json()["ready"] is True
    text = client.get("/metrics").text
    assert "allears_signals_accepted 1" in text
    assert "example.com" not in text


def test_answers_carry_careful_headers(client: httpx.Client) -> None:
    headers = client.get("/health/live").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_a_senders_key_can_send_as_its_source_and_nothing_else(space: Space, client: httpx.Client) -> None:
    key = space.keys.make("sender", "web")[0]
    assert client.post("/v1/track", json=event(1), headers=bearer(key)).json()["success"] is True
    assert stored(space) == ["web:m1"]
    assert client.post("/v1/track?source=web", json=event(2), headers=bearer(key)).status_code == 200
    assert client.post("/v1/track?source=till", json=event(3), headers=bearer(key)).status_code == 403
    other = build(space, parts=frozenset({"web"}))
    from starlette.testclient import TestClient

    for path in ("/api/issues", "/api/status", "/api/customers"):
        assert TestClient(other, base_url="http://127.0.0.1").get(path, headers=bearer(key)).status_code in (
            403,
            404,
        ), path


def test_a_browser_of_any_site_may_ask_and_send(space: Space, client: httpx.Client) -> None:
    key = space.keys.make("sender", "web")[0]
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    for path in ("/v1/batch", "/v1/t", "/v1/traces"):
        answer = client.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers
    body = json.dumps(event(1, writeKey=key))
    answer = client.post("/v1/t", content=body, headers={"Content-Type": "text/plain", "Origin": "https://x"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    batch = {"batch": [event(2, writeKey=key), event(3, writeKey=key)]}
    assert client.post("/v1/b", content=json.dumps(batch)).status_code == 200
    assert stored(space) == ["web:m1", "web:m2", "web:m3"]
    assert client.post("/v1/t", content=json.dumps(event(4, writeKey="ae_0_0"))).status_code == 401


def test_analytics_js_is_told_where_to_send(space: Space, client: httpx.Client) -> None:
    key = space.keys.make("sender", "web")[0]
    told = client.get(f"/v1/projects/{key}/settings").json()["integrations"]["Segment.io"]
    assert told["apiKey"] == key and told["apiHost"].endswith("/v1")
    assert client.get("/v1/projects/ae_0_0/settings").status_code == 404


def test_the_limits_of_the_specification_hold(space: Space, client: httpx.Client, key: str) -> None:
    large = event(1, properties={"note": "x" * 33_000})
    answer = client.post("/v1/batch", json={"batch": [large, event(2)]}, headers=bearer(key)).json()
    assert (answer["accepted"], answer["refused"]) == (1, 1)
    assert answer["reasons"] == [{"place": "$.batch[0]", "reason": "larger than 32 KB"}]
    most = {"batch": [event(n, properties={"note": "x" * 20_000}) for n in range(30)]}
    answer = client.post("/v1/batch", json=most, headers=bearer(key))
    assert answer.status_code == 413
    assert answer.json()["code"] == "refused" and "500 KB" in answer.json()["message"]


def test_too_much_on_its_way_in_is_answered_429(space: Space, key: str) -> None:
    from starlette.testclient import TestClient

    app = build(space, parts=frozenset({"listen"}))
    intake = app.state.doors[b"/v1/track"].intake
    client = TestClient(app)
    intake.inflight = intake.inflight_bytes
    answer = client.post("/v1/track", json=event(1), headers=bearer(key))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    intake.inflight = 0
    assert client.post("/v1/track", json=event(1), headers=bearer(key)).status_code == 200
    assert intake.inflight == 0, "what was held is let go"


def test_otlp_errors_are_a_status_in_the_encoding_of_the_request(client: httpx.Client, key: str) -> None:
    from google.rpc.status_pb2 import Status

    binary = bearer(key) | {"Content-Type": "application/x-protobuf"}
    answer = client.post("/v1/traces", content=b"\xff" * 40, headers=binary)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/x-protobuf")
    status = Status.FromString(answer.content)
    assert status.code == 3 and "OTLP" in status.message
    answer = client.post("/v1/logs", content=b"{", headers=bearer(key) | {"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, 3)
    answer = client.post("/v1/logs", content=b"", headers={"Content-Type": "application/x-protobuf"})
    assert (answer.status_code, Status.FromString(answer.content).code) == (401, 16)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_an_empty_export_succeeds_and_stores_nothing(
    space: Space, client: httpx.Client, key: str, signal: str
) -> None:
    binary = bearer(key) | {"Content-Type": "application/x-protobuf"}
    answer = client.post(f"/v1/{signal}", content=b"", headers=binary)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    written = bearer(key) | {"Content-Type": "application/json"}
    answer = client.post(f"/v1/{signal}", content=b"{}", headers=written)
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert client.post(f"/v1/{signal}", content=b"", headers=written).status_code == 400
    space.digest()
    assert space.status()["accepted"] == 0


@pytest.mark.parametrize("as_json", [True, False])
def test_rejected_spans_are_counted_and_kept_and_the_others_stored(
    space: Space, client: httpx.Client, key: str, as_json: bool
) -> None:
    from google.protobuf.json_format import ParseDict

    good = {
        "traceId": "0" * 30 + "11",
        "spanId": "0" * 14 + "22",
        "name": "GET /",
        "startTimeUnixNano": "1780000000000000000",
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [good, {"name": "no ids"}]}]}]}
    if as_json:
        body["resourceSpans"][0]["scopeSpans"][0]["spans"].append(good | {"name": 17})  # type: ignore[arg-type]
        answer = client.post("/v1/traces", json=body, headers=bearer(key))
        assert answer.json()["partialSuccess"]["rejectedSpans"] == "2"
    else:
        ids = {"traceId": base64.b64encode(bytes(15) + b"1").decode(), "spanId": base64.b64encode(bytes(7) + b"2").decode()}  # fmt: skip
        body["resourceSpans"][0]["scopeSpans"][0]["spans"][0] = good | ids
        sent = ParseDict(body, ExportTraceServiceRequest()).SerializeToString()
        headers = bearer(key) | {"Content-Type": "application/x-protobuf"}
        answer = client.post("/v1/traces", content=sent, headers=headers)
        assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert answer.status_code == 200
    assert len(stored(space)) == 1
    assert len(space.refused()) == (2 if as_json else 1)


def test_a_disk_that_fills_answers_429_and_takes_again_when_it_is_freed(small_disk: Path) -> None:
    from starlette.testclient import TestClient

    from allears.settings import ListenSettings, Settings

    with Space.open(small_disk / "space", settings=Settings(listen=ListenSettings(min_free_mb=1))) as space:
        headers = bearer(space.keys.make("sender", "shop")[0])
        client = TestClient(build(space, parts=frozenset({"listen"})))
        filler = small_disk / "filler"
        filler.write_bytes(bytes(4 << 20))
        taken, number, chance = [], 0, Random(1)
        while True:
            ids = [f"{number}-{i}" for i in range(10)]
            # What packs well would have to be sent for minutes before any disk is full.
            calls = [event(0, messageId=i, properties={"note": chance.randbytes(10_000).hex()}) for i in ids]
            answer = client.post("/v1/batch", json={"batch": calls}, headers=headers)
            if answer.status_code != 200:
                break
            taken += [f"shop:{i}" for i in ids]
            number += 1
        assert taken
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        (small_disk / "more").write_bytes(bytes(400 << 10))
        space.ground.inbox._measured = (-10.0, 0, False)
        bad = client.post("/v1/track", json={"event": 17}, headers=headers)
        assert bad.status_code == 429, "what is refused needs room as well"
        filler.unlink()
        space.ground.inbox._measured = (-10.0, 0, False)
        assert client.post("/v1/batch", json={"batch": [event(1)]}, headers=headers).status_code == 200
        assert stored(space) == sorted([*taken, "shop:m1"])


@pytest.mark.parametrize("name", ["../../etc/x", "<script>alert(1)</script>", "a" * 65, "a\nb"])
def test_a_source_has_a_name_that_may_be_shown(client: httpx.Client, key: str, name: str) -> None:
    answer = client.post("/signals", params={"source": name}, json={"text": "hi"}, headers=bearer(key))
    assert answer.status_code == 400 and answer.json()["error"]["place"] == "source"
    assert name not in answer.text
