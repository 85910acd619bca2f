"""Plants a canary in every text of every channel and in everything that is typed by hand: each its own, so that a found one tells where it came in.

Run as a program, it fills a space, leaves some of it in the inbox, and waits to be killed.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tests.journey.hostile import changed, leaves
from tests.listen.test_fuzz import SEEDS
from tests.vendor_payloads import CASES

from allears.errors import AllearsError
from allears.journey.take import take
from allears.listen.hook import Parcel, pack
from allears.space import Space

CANARY = re.compile(rb"qz\d{5}x")
NOW = "2026-06-01T10:00:00Z"
PEOPLE = ("email", "phone", "user_id", "anonymous_id", "handle", "device", "account")
TOLD = (
    "name",
    "firstName",
    "lastName",
    "username",
    "birthday",
    "avatar",
    "password",
    "ssn",
    "street",
    "deviceId",
    "iban",
)


class Planted:
    """Canaries and where each was planted. Those named "by design" stand in no field that says whose they are."""

    def __init__(self) -> None:
        self.at: dict[str, str] = {}

    def word(self, place: str) -> str:
        """Give something that only its field tells to be personal."""
        made = f"qz{len(self.at):05d}x"
        self.at[made] = place
        return made

    def mail(self, place: str) -> str:
        """Give something that is personal wherever it stands."""
        return f"{self.word(place)}@leak.example"


def plant(space: Space, folder: Path, planted: Planted) -> int:
    """Send canaries through every door; returns how many payloads were taken."""
    taken = []

    def send(door: str, body: bytes, source: str) -> None:
        with contextlib.suppress(AllearsError):
            taken.append(take(space.ground, door, body, source=source)[1])

    for case in CASES:
        if case.body[:1] not in b"{[":
            body = case.body.replace(b"kettle", planted.mail(case.name).encode())
            send("hook", pack(Parcel(case.vendor, case.content_type, case.headers, body)), case.vendor)
            continue
        document = json.loads(case.body)
        for path in leaves(document):
            body = json.dumps(changed(document, path, planted.mail(f"{case.name} {path}"))).encode()
            send("hook", pack(Parcel(case.vendor, case.content_type, case.headers, body)), case.vendor)
    for door, examples in SEEDS.items():
        for example in examples:
            if example[:1] not in b"{[":
                continue
            document = json.loads(example)
            for path in leaves(document):
                body = json.dumps(changed(document, path, planted.mail(f"{door} {path}"))).encode()
                send(door, body, door)
    for door, document in _ours(planted):
        send(door, json.dumps(document).encode(), "ours")
    send("mail", _letter(planted), "mailbox")
    for future in taken:
        future.result()
    _files(space, folder, planted)
    return len(taken)


def _ours(planted: Planted) -> Iterator[tuple[str, Any]]:
    word, mail = planted.word, planted.mail
    told = {name: word(f"trait {name}") for name in TOLD}
    call = {"messageId": "c1", "timestamp": NOW, "userId": word("userId"), "anonymousId": word("anonymousId")}
    places = {"url": f"https://x.example/?e={mail('url').replace('@', '%40')}", mail("name of a property"): 1}
    context = {
        "ip": word("ip"),
        "device": {"id": word("device"), "advertisingId": word("advertisingId")},
        "traits": {"name": word("context name")},
        "app": {"version": mail("app version")},
        "os": {"name": mail("os")},
        "page": {"referrer": mail("referrer"), "path": f"/u/{mail('path')}"},
        "campaign": {"name": mail("campaign")},
    }
    yield "segment", call | {"type": "identify", "traits": told | {mail("name of a trait"): 1}}
    yield (
        "segment",
        call
        | {
            "messageId": "c2",
            "type": "track",
            "event": f"saw {mail('event')}",
            "properties": places,
            "context": context,
        },
    )
    yield "segment", call | {"messageId": "c3", "type": "page", "name": f"Mail to {mail('page')}"}
    yield "segment", call | {"messageId": "c4", "type": "screen", "name": mail("screen")}
    yield "segment", call | {"messageId": "c5", "type": "group", "groupId": word("groupId")}
    yield "segment", call | {"messageId": "c6", "type": "alias", "previousId": word("previousId")}
    signal = {"occurred_at": NOW, "text": "hello"}
    yield "signals", [signal | {"identifiers": {kind: word(f"identifier {kind}")}} for kind in PEOPLE]
    for field in [
        "signal_id",
        "name",
        "account",
        "thread",
        "text",
        "service",
        "release",
        "platform",
        "region",
        "partner",
        "network",
        "direction",
        "kind",
        "channel",
    ]:
        yield "signals", [signal | {field: mail(f"signal {field}")}]
    yield "signals", [signal | {mail("unknown field"): 1}]
    yield "signals", [signal | {"identifiers": {mail("unknown kind of identifier"): "x"}}]
    yield (
        "signals",
        [
            signal
            | {"properties": {"deep": [{"in": mail("deep in properties")}], "json": json.dumps(mail("json"))}}
        ],
    )
    span = {
        "traceId": "1" * 32,
        "spanId": "2" * 16,
        "name": f"GET /u/{mail('span').replace('@', '%40')}",
        "startTimeUnixNano": "1780000000000000000",
        "endTimeUnixNano": "1780000000050000000",
        "status": {"code": 2, "message": mail("status")},
        "attributes": [
            {"key": key, "value": {"stringValue": mail(key)}}
            for key in ("url.full", "http.route", "db.statement", "exception.message")
        ],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": mail("service.name")}}]}
    yield (
        "otlp-traces",
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]},
    )
    yield "rows", [{"comment": "late", "who wrote": mail("column"), mail("name of a column"): 1}]


def _letter(planted: Planted) -> bytes:
    mail, word = planted.mail, planted.word
    heads = "".join(
        f"{head}: <{mail(head)}>\n"
        for head in ("To", "Cc", "Reply-To", "Message-ID", "In-Reply-To", "References", "X-Other", "List-Id")
    )
    return (
        f"From: {word('sender')} <{mail('From')}>\nSubject: about {mail('Subject')}\nDate: Mon, 01 Jun 2026 10:00:00 +0000\n"
        f"{heads}Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/plain\n\nHello, I am {mail('body')}\n> {mail('quote')}\n"
        f"--B\nContent-Type: application/pdf; name={mail('attachment')}.pdf\n\n{mail('inside')}\n--B--\n"
    ).encode()


def _files(space: Space, folder: Path, planted: Planted) -> None:
    word, mail = planted.word, planted.mail
    table = folder / "table.csv"
    table.write_text(
        f"id,text,author,email,created_at,{mail('csv column')}\n"
        f"{mail('csv id')},hello {mail('csv text')},{word('csv author')},{mail('csv email')},{NOW},x\n"
    )
    space.listen(table, source="table")
    call = folder / "call.vtt"
    call.write_text(
        f"WEBVTT\n\n00:00.500 --> 00:02.000\n<v Agent>Good morning\n\n00:03.000 --> 00:05.000\n<v {word('voice')}>I am {mail('said')}\n"
    )
    space.listen(call, source="calls")
    for file in (table, call):
        file.unlink()


def write_by_hand(space: Space, planted: Planted) -> None:
    """Put canaries into all that staff type: reasons, notes, titles, names tried at the log-in."""
    mail = planted.mail
    ana, bo = "ana@shop.example", "bo@shop.example"
    space.hear(
        [
            {"signal_id": f"hand{n}", "text": "hello", "identifiers": {"email": who}}
            for n, who in enumerate((ana, bo))
        ],
        source="hand",
    )
    space.digest(look=False)
    space.hold(bo, why=f"asked by {mail('hold')}")
    request = space.request(ana, "access", via=mail("via"), note=mail("request"))
    space.check_asker(request, f"by {mail('check')}")
    space.extend_request(request, why=f"because of {mail('extend')}")
    space.close_request(request, f"told {mail('outcome')}")
    space.merge(ana, bo, why=f"says {mail('merge')}")
    for name in (mail("log-in"), "cio"):
        with contextlib.suppress(AllearsError):
            space.logins.check(name, mail("password"), address=mail("address"))
    space.add_destination("d", "https://example.com/", kind="webhook")
    space.outbox.put("issue.opened", {"id": planted.word("delivery")}, ["d"])


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give the content of every file below a folder, and of what is packed inside."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        yield str(path.relative_to(folder)), content
        if path.suffix == ".parquet":
            rows = pq.read_table(path, partitioning=None)
            for name in rows.column_names:
                values = json.dumps(
                    rows[name].to_pylist(),
                    default=lambda v: v.decode("latin-1") if isinstance(v, bytes) else str(v),
                )
                yield f"{path.relative_to(folder)} {name}", values.encode()
        for start in (m.start() for m in re.finditer(rb"\x78[\x01\x9c\xda]", content)):
            try:
                yield (
                    f"{path.relative_to(folder)} at {start}",
                    zlib.decompressobj().decompress(content[start:]),
                )
            except zlib.error:
                continue


def found(folder: Path, planted: dict[str, str]) -> list[str]:
    """Tell which canaries stand in clear, and where they came in."""
    seen = {
        (planted.get(m.decode(), "?"), where)
        for where, content in everything(folder)
        for m in CANARY.findall(content)
    }
    return sorted(f"{place} is in {where}" for place, where in seen)


def main(folder: Path, outside: Path) -> None:
    import faulthandler

    faulthandler.enable()
    planted = Planted()
    with Space.open(folder) as space:
        plant(space, outside, planted)
        space.digest()
        write_by_hand(space, planted)
        late = [
            {"text": f"write to {planted.mail('waiting')}", "identifiers": {"handle": planted.word("late")}}
        ]
        space.hear(late, source="late")
        print(json.dumps({"planted": planted.at, "at": datetime.now(UTC).isoformat()}), flush=True)
        time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
