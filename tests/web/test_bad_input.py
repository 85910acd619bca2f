"""Each adapter and each door against each kind of bad input: a clear answer, the row kept, and nothing else lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from tests.listen.test_fuzz import CALL, LOG, METRIC, SIGNAL, SPAN, array, batch, logs, metrics, spans
from tests.vendor_payloads import CASES, VENDORS, Case
from tests.web.test_hooks import post, secret_of

from allears.space import Space
from allears.web.app import build

FORM = "application/x-www-form-urlencoded"
KINDS = re.compile(r"type|event|topic|action|kind|field|status", re.I)
AUTHORS = re.compile(
    r"^(from|author|user|sender|contact|consumer|customer|requester|respondent|actor|username|profile|person"
    r"|contacts|email|name|phone|.*_id|.*_email|.*_name)$",
    re.I,
)
Sending = tuple[bytes, str]
Send = Callable[[bytes, str], httpx.Response]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with Space.open(tmp_path_factory.mktemp("bad") / "space") as opened:
        for vendor in VENDORS:
            opened.add_channel(vendor, vendor, secret_of(vendor))
        yield opened


@pytest.fixture(scope="module")
def client(space: Space) -> Iterator[httpx.Client]:
    from starlette.testclient import TestClient

    yield TestClient(build(space, parts=frozenset({"listen"})), raise_server_exceptions=False)  # type: ignore[misc]


def changed(node: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """Change a document's values by their keys; what becomes ``...`` is left out."""
    if isinstance(node, dict):
        found = {k: changed(v, change, k) for k, v in node.items()}
        return {k: v for k, v in found.items() if v is not ...}
    if isinstance(node, list) and node and isinstance(node[0], (dict, list)):
        return [one for v in node if (one := changed(v, change, key)) is not ...]
    return change(key, node)


def without_each(document: Any) -> Iterator[Any]:
    """Leave out each key once, wherever it stands."""
    keys: set[str] = set()
    changed(document, lambda key, value: keys.add(key) or value)
    for gone in sorted(keys):
        yield changed(document, lambda key, value, gone=gone: ... if key == gone else value)


def wrong_types(document: Any) -> Iterator[Any]:
    for odd in (None, True, -1, 1e300, [[]], {"a": {"b": []}}, "", "\x00\ud83d", ["x"] * 3):
        yield changed(document, lambda key, value, odd=odd: odd)
        for text in (True, False):
            yield changed(
                document,
                lambda key, value, odd=odd, text=text: odd if isinstance(value, str) is text else value,
            )


def nobody(key: str, value: Any) -> Any:
    return ... if AUTHORS.match(key) else value


def kinds(key: str, value: Any) -> Any:
    return "novelty" if KINDS.search(key) and isinstance(value, str) else value


FAULTS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "missing fields": without_each,
    "wrong types": wrong_types,
    "unknown kinds": lambda document: iter([changed(document, kinds)]),
    "two entries": lambda document: iter([[document, document], {"a": document, "b": document}]),
    "empty": lambda document: iter([{}, [], None, "", 0, [None], [{}], {"": {}}]),
    "anonymous": lambda document: iter([changed(document, nobody)]),
    "long": lambda document: iter([changed(document, lambda _, v: v * 4000 if isinstance(v, str) and v else v)]),
}  # fmt: skip
BODIES: dict[str, Callable[[bytes, str], list[Sending]]] = {
    "no body": lambda body, kind: [(b"", kind), (b" \n", kind), (b"\x00", kind)],
    "wrong content type": lambda body, kind: [
        (body, wrong) for wrong in ("text/plain", "application/xml", "image/png", "", "application/json; charset=utf-16", FORM)
    ],
    "form-encoded": lambda body, kind: [(b"payload=" + urlencode({"": body})[1:].encode(), FORM), (b"a=1&a=2&=3", FORM)],
    "torn": lambda body, kind: [(body[: len(body) // 2], kind), (body + body, kind), (body[::-1], kind)],
    "deep": lambda body, kind: [(b"[" * 100_000, kind), (b'{"a":' * 100_000, kind), (b"<a>" * 100_000, kind)],
}  # fmt: skip


def sent(body: bytes, kind: str, fault: str) -> list[Sending]:
    """Spoil a good body in one way."""
    if fault in BODIES:
        return BODIES[fault](body, kind)
    if kind.startswith(FORM):
        good = dict(parse_qsl(body.decode()))
        made = [one for one in FAULTS[fault](good) if isinstance(one, dict)]
        return [
            (urlencode({k: str(v) for k, v in one.items()}, errors="replace").encode(), kind) for one in made
        ]
    if kind.startswith("text/xml"):
        tags = re.findall(rb"<(sf:\w+)>", body)
        return [(re.sub(rb"<%b>.*?</%b>" % (tag, tag), b"", body), kind) for tag in tags] or [(b"<a/>", kind)]
    return [(json.dumps(one).encode(), kind) for one in FAULTS[fault](json.loads(body))]


def waiting(space: Space, source: str) -> dict[str, int]:
    return {group["reason"]: group["n"] for group in space.refused_groups(source)}


def take_all(space: Space, source: str, send: Send, bodies: list[Sending]) -> None:
    """Send each: whatever it is, the answer is clear, and what it says was refused is kept."""
    for body, kind in bodies:
        answer = send(body, kind)
        about = (answer.status_code, answer.text, kind, body[:300])
        assert answer.status_code in (200, 204, 400, 413), about
        if answer.status_code == 413 or not answer.headers.get("content-type", "").startswith(
            "application/json"
        ):
            continue
        told = answer.json()
        # The same row again is kept once.
        if answer.status_code == 400 and "error" in told:
            assert set(told["error"]) == {"code", "message", "place"}, about
            # Of no bytes at all there is nothing to keep.
            assert not body or told["error"]["message"] in waiting(space, source), about
        elif told.get("refused"):
            kept = waiting(space, source)
            assert sum(kept.values()) > 0 and {one["reason"] for one in told["reasons"]} <= set(kept), about


@pytest.mark.parametrize("fault", [*FAULTS, *BODIES])
@pytest.mark.parametrize("vendor", VENDORS)
def test_no_bad_payload_of_a_vendor_breaks_its_door(
    space: Space, client: httpx.Client, vendor: str, fault: str
) -> None:
    case = first(vendor)
    take_all(
        space,
        vendor,
        lambda body, kind: post(client, vendor, body, kind, **case.headers),
        sent(case.body, case.content_type, fault),
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_huge_body_is_413_before_anybody_asks_who_signed_it(client: httpx.Client, vendor: str) -> None:
    case = first(vendor)
    answer = client.post(
        f"/hooks/{vendor}", content=b" " * (17 << 20), headers={"content-type": case.content_type}
    )
    assert answer.status_code == 413
    assert set(answer.json()["error"]) == {"code", "message", "place"}


DOORS: dict[str, tuple[str, bytes]] = {
    "track": ("/v1/track", json.dumps(CALL).encode()),
    "batch": ("/v1/batch", batch(CALL, CALL)),
    "import": ("/v1/import", batch(CALL)),
    "signals": ("/signals", array(SIGNAL, SIGNAL)),
    "traces": ("/v1/traces", spans(SPAN, SPAN)),
    "logs": ("/v1/logs", logs(LOG)),
    "metrics": ("/v1/metrics", metrics(METRIC)),
}


@pytest.mark.parametrize("fault", [*FAULTS, *BODIES])
@pytest.mark.parametrize("door", DOORS)
def test_no_bad_body_breaks_a_door(space: Space, client: httpx.Client, door: str, fault: str) -> None:
    path, body = DOORS[door]
    source = f"{door}-{fault}".replace(" ", "-")
    key = space.keys.make("sender", source)[0]

    def send(body: bytes, kind: str) -> httpx.Response:
        return client.post(
            path, content=body, headers={"Authorization": f"Bearer {key}", "content-type": kind}
        )

    take_all(space, source, send, sent(body, "application/json", fault))
    assert send(b" " * (17 << 20), "application/json").status_code == 413


@pytest.mark.parametrize("vendor", sorted({case.vendor for case in CASES if case.does == "edit"}))
def test_an_edit_before_its_message_wins_over_it(client: httpx.Client, space: Space, vendor: str) -> None:
    edit = next(c for c in CASES if c.vendor == vendor and c.does == "edit")
    made = next(c for c in CASES if c.vendor == vendor and c.does == "create" and c.id == edit.id)
    source = f"{vendor}.early"
    space.add_channel(source, vendor, secret_of(vendor))
    for case in (edit, made):
        answer = post(client, vendor, case.body, case.content_type, source=source, **case.headers)
        assert answer.status_code in (200, 204)
    space.digest(look=False)
    rows = space.sql(f"SELECT text, rating FROM signals WHERE signal_id = '{source}:{edit.id}'").to_pylist()
    assert len(rows) == 1
    for column in {"text", "rating"} & set(edit.wants):
        assert rows[0][column] == pytest.approx(edit.wants[column]), column


def test_good_payloads_after_all_that_are_stored_once(space: Space, client: httpx.Client) -> None:
    for vendor in VENDORS:
        source = f"{vendor}.after"
        space.add_channel(source, vendor, secret_of(vendor))
        case = first(vendor)
        answer = post(client, vendor, case.body, case.content_type, source=source, **case.headers)
        assert answer.status_code in (200, 204)
    space.digest(look=False)
    ids = space.sql("SELECT signal_id FROM signals").column("signal_id").to_pylist()
    assert len(ids) == len(set(ids))
    assert {f"{vendor}.after:{first(vendor).id}" for vendor in VENDORS} <= set(ids)


def first(vendor: str) -> Case:
    return next(c for c in CASES if c.vendor == vendor and c.does == "create")
