"""Access, restriction and erasure over HTTP: the steps that page and command ask for, and what each of them answers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import msgspec
import pyrage
import pytest
from starlette.testclient import TestClient
from tests.parcels import open_parcel

from allears.guard.erase import Receipt
from allears.guard.parcel import sound_parcel
from allears.guard.receipt import verify_receipt
from allears.space import Space
from allears.web.app import build

ADA, BO = "ada@example.com", "bo@example.com"


@pytest.fixture
def space(tmp_path: Any) -> Iterator[Space]:
    with Space.open(tmp_path / "space") as opened:
        opened.hear(
            [
                {"signal_id": f"{who[:2]}{channel}", "text": f"Late again, write to {who}", "channel": channel, "identifiers": {"email": who}}
                for who in (ADA, BO) for channel in ("chat", "email")
            ],
            source="desk",
        )  # fmt: skip
        opened.digest(look=False)
        yield opened


@pytest.fixture
def officer(space: Space) -> TestClient:
    return _client(space)


def _client(space: Space, *scopes: str) -> TestClient:
    key, _ = space.keys.make("privacy", "officer", scopes=scopes)
    return TestClient(
        build(space, parts=frozenset({"web"})),
        base_url="http://127.0.0.1",
        headers={"authorization": f"Bearer {key}"},
    )


def _asked(officer: TestClient, kind: str, who: str = ADA, *, checked: bool = True) -> str:
    made = officer.post("/api/requests", json={"who": who, "kind": kind}).json()["request"]
    if checked:
        officer.post(f"/api/requests/{made}/check", json={"how": "called back"})
    return f"/api/requests/{made}"


def _place(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"]["place"])


def _texts(space: Space) -> dict[str, str | None]:
    return {row["signal_id"]: row["text"] for row in space.signals.to_pyarrow().to_pylist()}


def test_an_access_export_is_sealed_for_the_asker_and_signed(space: Space, officer: TestClient) -> None:
    asker = pyrage.x25519.Identity.generate()
    made = officer.post(_asked(officer, "access") + "/export", json={"to": str(asker.to_public())}).json()
    content = pyrage.decrypt(base64.b64decode(made["file"]), [asker])
    assert sound_parcel(content, made["key"]) and made["key"] == space.ground.audit.signer.public
    assert (made["signals"], made["passphrase"]) == (2, None)
    looks = [e.action for e in space.ground.audit.entries(limit=20)]
    assert {"access.export", "open_sealed", "request.check"} <= set(looks)


def test_without_a_key_of_the_asker_a_passphrase_is_told_once(officer: TestClient) -> None:
    made = officer.post(_asked(officer, "access") + "/export", json={}).json()
    assert sound_parcel(open_parcel(base64.b64decode(made["file"]), made["passphrase"]), made["key"])


def test_nothing_leaves_before_somebody_checked_who_asks(space: Space, officer: TestClient) -> None:
    for kind, path, body in (
        ("access", "/export", {}),
        ("erasure", "/erase", {"why": "asked", "everything": True}),
        ("restriction", "/restrict", {"why": "contests"}),
    ):
        assert officer.post(_asked(officer, kind, checked=False) + path, json=body).status_code == 403
        wrong = _asked(officer, "objection")
        assert _place(officer.post(wrong + path, json=body), 400) == "request"
    assert _place(officer.post(_asked(officer, "access") + "/export", json={"to": "ada's key"}), 400) == "to"
    assert len(_texts(space)) == 4 and space.restrictions() == []


def test_a_key_narrowed_to_one_of_two_rights_opens_and_erases_nothing(
    space: Space, officer: TestClient
) -> None:
    access, erasure = _asked(officer, "access"), _asked(officer, "erasure")
    body = {"why": "asked", "everything": True}
    for scopes in (["originals"], ["admin"], ["read"]):
        narrow = _client(space, *scopes)
        assert narrow.post(access + "/export", json={}).status_code == 403
        assert (narrow.post(erasure + "/erase", json=body).status_code == 403) is (scopes != ["admin"])


def test_a_part_is_erased_and_the_request_stays_open(space: Space, officer: TestClient) -> None:
    request = _asked(officer, "erasure")
    answer = officer.post(request + "/erase", json={"why": "asked for chats", "channel": "chat"})
    receipt = msgspec.json.decode(answer.content, type=Receipt)
    assert receipt.scope is not None and receipt.scope.channel == "chat" and receipt.removed["signals"] == 1
    assert verify_receipt(answer.content, space.ground.audit.signer.public)
    held = {row["channel"] for row in space.customer(ADA).timeline().to_pylist() if row["text"]}
    assert held == {"email"}
    assert [r["state"] for r in officer.get("/api/requests").json()["items"]] == ["open"]


def test_everything_is_erased_when_that_is_said_and_the_request_is_closed(
    space: Space, officer: TestClient
) -> None:
    request = _asked(officer, "erasure")
    body: dict[str, Any] = {"why": "asked", "everything": True}
    assert officer.post(request + "/erase", json=body).status_code == 200
    assert officer.get("/api/requests").json()["items"] == []
    assert officer.post(request + "/erase", json=body).status_code == 404
    assert sorted(_texts(space).values(), key=bool)[:2] == [None, None]


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({}, "$"),
        ({"channel": "chat", "everything": True}, "$"),
        ({"channel": "pigeon"}, "channel"),
        ({"since": "2026-05-04T00:00:00"}, "$.since"),
        ({"since": "2026-05-04T00:00:00Z", "until": "2026-05-03T00:00:00Z"}, "until"),
        ({"why": "", "everything": True}, "$.why"),
    ],
)
def test_a_part_that_is_none_is_refused(
    space: Space, officer: TestClient, part: dict[str, Any], place: str
) -> None:
    answer = officer.post(_asked(officer, "erasure") + "/erase", json={"why": "asked"} | part)
    assert _place(answer, 400) == place
    assert all(_texts(space).values())


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_at_the_end_of_all_time_erases_what_it_says(
    space: Space, officer: TestClient, moment: str
) -> None:
    side = "since" if moment.startswith("0001") else "until"
    answer = officer.post(_asked(officer, "erasure") + "/erase", json={"why": "asked", side: moment})
    assert answer.status_code == 200, answer.text
    assert answer.json()["removed"]["signals"] == 2


def test_a_request_is_restricted_and_another_closed(space: Space, officer: TestClient) -> None:
    def made(kind: str, **more: str) -> Any:
        return officer.post("/api/requests", json={"who": ADA, "kind": kind, **more})

    asked = made("restriction").json()["request"]
    assert officer.post(f"/api/requests/{asked}/check", json={"how": "a letter"}).status_code == 200
    put = officer.post(f"/api/requests/{asked}/restrict", json={"why": "contests it"})
    assert put.status_code == 200, put.text
    assert [r["request"] for r in officer.get("/api/restrictions").json()["items"]] == [asked]
    other = made("objection").json()["request"]
    closed = officer.post(f"/api/requests/{other}/close", json={"outcome": "answered"})
    assert closed.status_code == 200, closed.text
    assert made("access", received_at="2026-01-05T10:00:00").status_code == 400
    for never in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert _place(made("access", received_at=never), 400) == "received_at"


def test_a_restriction_is_put_on_listed_and_lifted(space: Space, officer: TestClient) -> None:
    made = officer.post("/api/restrictions", json={"who": ADA, "why": "contests"}).json()["restriction"]
    listed = officer.get("/api/restrictions").json()["items"]
    assert [(r["restriction"], r["by"][:4]) for r in listed] == [(made, "key:")]
    assert len(_texts(space)) == 2
    lift = f"/api/restrictions/{made}/lift"
    assert _place(officer.post(lift, json={"told": " "}), 400) == "told"
    assert officer.post(lift, json={"told": "by letter"}).json() == {"lifted": made}
    assert officer.post(lift, json={"told": "by letter"}).status_code == 404
    assert officer.get("/api/restrictions").json()["items"] == []
    assert len(officer.get("/api/restrictions?state=all").json()["items"]) == 1
    assert len(_texts(space)) == 4


def test_who_is_under_a_hold_is_not_erased(space: Space, officer: TestClient) -> None:
    officer.post("/api/holds", json={"who": ADA, "why": "court"})
    answer = officer.post(_asked(officer, "erasure") + "/erase", json={"why": "asked", "everything": True})
    assert answer.status_code == 403 and all(_texts(space).values())
