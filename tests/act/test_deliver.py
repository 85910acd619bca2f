from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from allears.act.deliver import Outbox, new_secret
from allears.act.retry import Patience
from allears.clock import SetClock
from allears.desk.base import Desk
from allears.errors import NotFound, Refused

# apprise imports a module that Python 3.13 dropped, when it is there
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = new_secret()
QUICK = Patience(
    connect_seconds=1.5, total_seconds=1.5, claim_seconds=30.0, retry_seconds=(5.0, 60.0), rest_after=100
)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 5, 6, 12, tzinfo=UTC))


@pytest.fixture
def outbox(desk: Desk, clock: SetClock) -> Outbox:
    return Outbox(desk, _unseal, clock=clock, patience=QUICK)


def _seal(text: str) -> bytes:
    return text.encode()[::-1]


def _unseal(sealed: bytes, _name: str = "") -> bytes:
    return sealed[::-1]


def _webhook(outbox: Outbox, name: str, url: str, **more: Any) -> None:
    outbox.add_destination(name, url, secret=_seal(SECRET), **{"allow_private": True} | more)


def test_a_webhook_is_signed_so_that_the_standard_library_verifies_it(
    outbox: Outbox, receiver: Callable[..., Any]
) -> None:
    server = receiver(200)
    _webhook(outbox, "crm", server.url + "/hook?x=1")
    event_id = outbox.put("issue.opened", {"id": "i1", "signals": 3})
    assert asyncio.run(outbox.run_once()) == {"sent": 1, "failed": 0, "dead": 0}
    headers, body = server.got[0]
    told = Webhook(SECRET).verify(body, headers)
    assert told["type"] == "issue.opened" and told["data"] == {"id": "i1", "signals": 3}
    assert headers["webhook-id"] == event_id and server.paths == ["/hook?x=1"]
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"3", b"4"), headers)


def test_a_hung_destination_slows_no_other(outbox: Outbox, receiver: Callable[..., Any], hung: Any) -> None:
    server = receiver(200)
    _webhook(outbox, "a-hangs", hung.url)
    _webhook(outbox, "b-works", server.url)
    for number in range(20):
        outbox.put("issue.opened", {"number": number})

    async def until_the_other_is_served() -> tuple[int, list[dict[str, Any]]]:
        stop = asyncio.Event()
        work = asyncio.create_task(outbox.worker(stop, every_seconds=0.01))
        while len(server.got) < 20:
            await asyncio.sleep(0.01)
        reached, waiting = len(hung.requests), outbox.deliveries("waiting")
        stop.set()
        await work
        return reached, waiting

    reached, waiting = asyncio.run(until_the_other_is_served())
    # One after another they would have met the hung server twenty times before the last one was served.
    assert reached < 20
    assert sum(row["destination"] == "a-hangs" for row in waiting) == 20
    assert [json.loads(body)["data"]["number"] for _, body in server.got] == list(range(20))


def test_a_destination_that_keeps_hanging_rests_and_nothing_of_it_is_lost(
    desk: Desk, clock: SetClock, hung: Any
) -> None:
    patience = Patience(connect_seconds=0.2, total_seconds=0.2, rest_after=2, rest_seconds=60)
    outbox = Outbox(desk, _unseal, clock=clock, patience=patience)
    _webhook(outbox, "hangs", hung.url)
    for number in range(5):
        outbox.put("issue.opened", {"number": number})
    assert asyncio.run(outbox.run_once())["failed"] == 2
    assert asyncio.run(outbox.run_once()) == {"sent": 0, "failed": 0, "dead": 0}
    clock.advance(timedelta(seconds=61))
    assert asyncio.run(outbox.run_once())["failed"] == 1  # one attempt to see whether it is well again
    assert {row["last_error"] for row in outbox.deliveries() if row["attempts"]} == {"timeout"}
    assert len(outbox.deliveries("waiting")) == 5


def test_a_server_that_fails_once_is_tried_again_under_the_same_id(
    outbox: Outbox, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    server = receiver(500, 200)
    _webhook(outbox, "crm", server.url)
    event_id = outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once())["failed"] == 1
    assert asyncio.run(outbox.run_once())["failed"] == 0, "its time has not come"
    assert outbox.deliveries()[0]["last_error"] == "answered 500"
    clock.advance(timedelta(seconds=6))
    assert asyncio.run(outbox.run_once())["sent"] == 1
    assert server.ids() == [event_id, event_id]
    assert server.got[0][1] == server.got[1][1]


def test_a_clock_set_back_delays_no_delivery_for_weeks(
    outbox: Outbox, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    server = receiver(500, 200)
    _webhook(outbox, "crm", server.url)
    clock.advance(timedelta(days=30))
    outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once())["failed"] == 1
    clock.advance(timedelta(days=-30))
    assert asyncio.run(outbox.run_once())["sent"] == 1


def test_a_dead_letter_can_be_replayed_under_the_same_id(
    outbox: Outbox, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    server = receiver(503, 503, 503, 200)
    _webhook(outbox, "crm", server.url)
    event_id = outbox.put("issue.opened", {"id": "i1"})
    for _ in range(3):
        asyncio.run(outbox.run_once())
        clock.advance(timedelta(hours=1))
    (dead,) = outbox.dead()
    assert dead["attempts"] == 3 and dead["event_id"] == event_id
    assert asyncio.run(outbox.run_once()) == {"sent": 0, "failed": 0, "dead": 0}
    outbox.replay(dead["id"])
    assert asyncio.run(outbox.run_once())["sent"] == 1
    assert outbox.dead() == [] and set(server.ids()) == {event_id}
    with pytest.raises(NotFound):
        outbox.replay(dead["id"])


def test_a_killed_worker_is_followed_by_another_attempt_with_the_same_id(
    desk: Desk, clock: SetClock, tmp_path: Path, hung: Any, receiver: Callable[..., Any]
) -> None:
    outbox = Outbox(desk, _unseal, clock=clock, patience=QUICK)
    _webhook(outbox, "crm", hung.url)
    event_id = outbox.put("issue.opened", {"id": "i1"})
    program = textwrap.dedent(
        f"""
        import asyncio
        from datetime import UTC, datetime
        from pathlib import Path
        from allears.act.deliver import Outbox
        from allears.act.retry import Patience
        from allears.clock import SetClock
        from allears.desk.base import Desk
        desk = Desk({desk.engine.url.render_as_string()!r}, Path())
        patience = Patience(connect_seconds=25.0, total_seconds=25.0, claim_seconds=30.0)
        outbox = Outbox(desk, lambda s, _: s[::-1], clock=SetClock(datetime.fromisoformat({clock.now().isoformat()!r})), patience=patience)
        asyncio.run(outbox.run_once())
        """
    )
    worker = subprocess.Popen([sys.executable, "-c", program])
    try:
        assert hung.reached.wait(120), "the worker never sent"
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert f"webhook-id: {event_id}".encode() in hung.requests[0]
    assert asyncio.run(outbox.run_once()) == {"sent": 0, "failed": 0, "dead": 0}, (
        "the dead worker's claim still holds"
    )
    server = receiver(200)
    _webhook(outbox, "crm", server.url)
    clock.advance(timedelta(seconds=31))
    assert asyncio.run(outbox.run_once())["sent"] == 1
    assert server.ids() == [event_id]


@pytest.mark.both_desks
def test_two_workers_at_once_deliver_each_event_once(
    desk: Desk, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    server = receiver(200)
    first, second = (Outbox(desk, _unseal, clock=clock, patience=QUICK) for _ in range(2))
    _webhook(first, "crm", server.url)
    ids = [first.put("issue.opened", {"number": n}) for n in range(30)]

    async def both() -> None:
        await asyncio.gather(first.run_once(), second.run_once())

    asyncio.run(both())
    assert sorted(server.ids()) == sorted(ids)


def test_redirects_are_not_followed(outbox: Outbox, receiver: Callable[..., Any]) -> None:
    target, server = receiver(200), receiver(302)
    server.headers = {"location": target.url}
    _webhook(outbox, "crm", server.url)
    outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once())["failed"] == 1
    assert target.got == [] and outbox.deliveries()[0]["last_error"] == "answered 302"


def test_a_receiver_that_is_gone_is_switched_off(outbox: Outbox, receiver: Callable[..., Any]) -> None:
    server = receiver(410)
    _webhook(outbox, "crm", server.url)
    outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once())["dead"] == 1
    assert outbox.destinations()[0]["state"] == "off"


def test_a_receiver_can_ask_for_more_time(
    outbox: Outbox, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    server = receiver(429)
    server.headers = {"retry-after": "600"}
    _webhook(outbox, "crm", server.url)
    outbox.put("issue.opened", {"id": "i1"})
    asyncio.run(outbox.run_once())
    assert outbox.deliveries()[0]["next_at"] == clock.now() + timedelta(seconds=600)


def test_a_private_address_is_refused_when_sending(outbox: Outbox, receiver: Callable[..., Any]) -> None:
    server = receiver(200)
    port = server.url.rsplit(":", 1)[1]
    _webhook(outbox, "inside", f"https://localhost:{port}/", allow_private=False)
    outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once())["failed"] == 1
    assert server.got == [] and outbox.deliveries()[0]["last_error"] == "private address"


def test_an_endless_answer_is_not_read(outbox: Outbox) -> None:
    async def scenario() -> int:
        written = 0

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while written < 500_000_000:
                    writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                    await writer.drain()
                    written += 65_536
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        _webhook(outbox, "crm", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        outbox.put("issue.opened", {"id": "i1"})
        assert (await outbox.run_once())["sent"] == 1
        server.close()
        await server.wait_closed()
        return written

    assert asyncio.run(scenario()) < 50_000_000


def test_apprise_tells_people_in_words(outbox: Outbox, receiver: Callable[..., Any]) -> None:
    server = receiver(200)
    outbox.add_destination(
        "chat",
        "json://",
        kind="apprise",
        secret=_seal(server.url.replace("http", "json") + "/room"),
        allow_private=True,
    )
    outbox.put("case.opened", {"title": "card declined", "priority": "P1", "department": "payments"})
    assert asyncio.run(outbox.run_once())["sent"] == 1
    told = json.loads(server.got[0][1])
    assert told["title"] == "[case.opened] card declined"
    assert "priority: P1" in told["message"] and "department: payments" in told["message"]


def test_apprise_failures_are_tried_again_and_private_hosts_refused(
    outbox: Outbox, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    server = receiver(500, 200)
    address = server.url.replace("http", "json")
    outbox.add_destination("chat", "json://", kind="apprise", secret=_seal(address), allow_private=True)
    outbox.add_destination("inside", "json://", kind="apprise", secret=_seal(address))
    outbox.put("case.opened", {"title": "card declined"})
    assert asyncio.run(outbox.run_once())["failed"] == 2
    clock.advance(timedelta(seconds=6))
    assert asyncio.run(outbox.run_once()) == {"sent": 1, "failed": 1, "dead": 0}
    assert {d["destination"]: d["last_error"] for d in outbox.deliveries()} == {
        "chat": None,
        "inside": "private address",
    }


def test_a_hung_apprise_service_slows_no_webhook(
    desk: Desk, clock: SetClock, receiver: Callable[..., Any], hung: Any
) -> None:
    outbox, server = Outbox(desk, _unseal, clock=clock, patience=QUICK), receiver(200)
    address = hung.url.replace("http", "json") + "?rto=2.5&cto=2.5"
    for number in range(8):
        outbox.add_destination(
            f"a-hangs-{number}", "json://", kind="apprise", secret=_seal(address), allow_private=True
        )
    _webhook(outbox, "works", server.url)
    outbox.put("case.opened", {"title": "card declined"})
    assert asyncio.run(outbox.run_once()) == {"sent": 1, "failed": 8, "dead": 0}
    assert {d["last_error"] for d in outbox.deliveries("waiting")} == {"timeout"}


def test_one_destination_whose_secret_cannot_be_opened_harms_no_other(
    desk: Desk, clock: SetClock, receiver: Callable[..., Any]
) -> None:
    def moody(sealed: bytes, _name: str) -> bytes:
        if sealed == b"broken":
            raise RuntimeError("no key")
        return _unseal(sealed)

    outbox, server = Outbox(desk, moody, clock=clock, patience=QUICK), receiver(200)
    outbox.add_destination("a-broken", server.url, secret=b"broken", allow_private=True)
    outbox.add_destination("a-empty", server.url, secret=_seal("whsec_"), allow_private=True)
    _webhook(outbox, "b-works", server.url)
    outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once()) == {"sent": 1, "failed": 2, "dead": 0}
    assert {d["last_error"] for d in outbox.deliveries()} == {None, "secret not opened", "secret not usable"}


def test_destinations_get_the_events_they_want(outbox: Outbox) -> None:
    for name, events in (("all", ["*"]), ("issues", ["issue.*"]), ("one", ["case.opened"])):
        _webhook(outbox, name, "http://10.0.0.1/", events=events)
    outbox.put("issue.opened", {})
    outbox.put("case.opened", {})
    outbox.put("issue.opened", {}, ["one"])
    got = [(row["destination"], row["event_type"]) for row in outbox.deliveries()]
    assert got == [
        ("all", "issue.opened"), ("issues", "issue.opened"), ("all", "case.opened"), ("one", "case.opened"), ("one", "issue.opened"),
    ]  # fmt: skip
    with pytest.raises(NotFound):
        outbox.put("issue.opened", {}, ["nowhere"])


def test_an_event_put_twice_under_one_id_is_delivered_once(
    outbox: Outbox, receiver: Callable[..., Any]
) -> None:
    server = receiver(200)
    _webhook(outbox, "crm", server.url)
    for _ in range(2):
        outbox.put("issue.opened", {"id": "i1"}, event_id="msg_same")
    asyncio.run(outbox.run_once())
    assert server.ids() == ["msg_same"]


def test_an_event_is_lost_with_the_work_that_was_rolled_back(outbox: Outbox, desk: Desk) -> None:
    _webhook(outbox, "crm", "http://10.0.0.1/")
    with pytest.raises(RuntimeError), desk.session() as session:
        outbox.put("issue.opened", {"id": "i1"}, session=session)
        raise RuntimeError
    assert outbox.deliveries() == []


def test_what_is_switched_off_keeps_what_waits(outbox: Outbox, receiver: Callable[..., Any]) -> None:
    server = receiver(200)
    _webhook(outbox, "crm", server.url)
    outbox.switch("crm", on=False)
    outbox.put("issue.opened", {"id": "i1"})
    assert asyncio.run(outbox.run_once())["sent"] == 0
    outbox.switch("crm", on=True)
    assert asyncio.run(outbox.run_once())["sent"] == 1
    assert outbox.prune(before=datetime(2027, 1, 1, tzinfo=UTC)) == 1
    outbox.remove("crm")
    assert outbox.destinations() == []
    with pytest.raises(NotFound):
        outbox.switch("crm", on=True)


def test_wrong_destinations_are_refused(outbox: Outbox) -> None:
    for url, more in (
        ("http://example.com/", {"allow_private": False}),
        ("https://user:pass@example.com/", {}),
        ("ftp://example.com/", {}),
        ("https://", {}),
        ("https://example.com:x/", {}),
        ("slack://token/secret", {"kind": "apprise"}),
        ("https://example.com/", {"kind": "pigeon"}),
    ):
        with pytest.raises(Refused):
            _webhook(outbox, "wrong", url, **more)
    with pytest.raises(ValueError):
        Patience(total_seconds=60, claim_seconds=60)


def test_secrets_are_not_listed(outbox: Outbox) -> None:
    _webhook(outbox, "crm", "https://example.com/")
    assert SECRET not in repr(outbox.destinations()) and "secret" not in outbox.destinations()[0]


def test_tls_asks_for_the_name_while_the_connection_goes_to_the_checked_address(
    outbox: Outbox, tmp_path: Path
) -> None:
    async def scenario() -> list[str]:
        asked: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_self_signed(tmp_path))
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        server = await asyncio.start_server(
            lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context
        )
        _webhook(outbox, "crm", f"https://localhost:{server.sockets[0].getsockname()[1]}/")
        outbox.put("issue.opened", {"id": "i1"})
        assert (await outbox.run_once())["failed"] == 1, "nobody vouches for that certificate"
        server.close()
        return asked

    assert asyncio.run(scenario()) == ["localhost"]
    assert outbox.deliveries()[0]["last_error"] == "no connection"


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
    )
    cert = cert.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "cert.pem"
    path.write_bytes(text + cert.sign(key, hashes.SHA256()).public_bytes(pem))
    return path
