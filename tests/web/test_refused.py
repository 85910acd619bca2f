"""Refused rows over HTTP: who may list, look and try again, and that no list tells a value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from allears.guard.access import Role
from allears.space import Space
from allears.web.app import build

SECRET = "ada@example.com"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as opened:
        bad = {"text": SECRET, "rating": 99, "rating_scale": "nps-0-10"}
        opened.hear([bad | {"signal_id": str(n)} for n in range(7)], source="desk")
        opened.hear([{"text": SECRET, "channel": "pigeon"}], source="loft")
        yield opened


@pytest.fixture
def client(space: Space) -> TestClient:
    return TestClient(build(space, parts=frozenset({"web"})), base_url="http://127.0.0.1")


def key(space: Space, role: str) -> dict[str, str]:
    made = space.keys.make(role, role, **({"partner": "Postwing"} if role == "partner" else {}))[0]
    return {"Authorization": f"Bearer {made}"}


def test_each_role_may_do_what_its_rights_say_and_no_more(space: Space, client: TestClient) -> None:
    row = space.refused()[0]["refused"]
    may: dict[str, list[bool]] = {}
    for role in Role:
        headers = key(space, role)
        answers = [
            client.get("/api/refused", headers=headers),
            client.get("/api/refused/groups", headers=headers),
            client.get(f"/api/refused/{row}", headers=headers),
            client.post(f"/api/refused/{row}/open", headers=headers, json={"why": "case 12"}),
            client.post("/api/refused/replay", headers=headers, json={"source": "loft"}),
        ]
        assert {a.status_code for a in answers} <= {200, 403}, role
        may[role] = [a.status_code == 200 for a in answers]
    nothing, lists = [False] * 5, [True, True, True, False, False]
    assert may == {
        "cio": lists,
        "analyst": lists,
        "agent": nothing,
        "engineer": [True, True, True, False, True],
        "privacy": [True, True, True, True, False],
        "partner": nothing,
        "sender": nothing,
    }
    assert client.get("/api/refused").status_code == 401


def test_rows_are_filtered_paged_and_tell_no_value(space: Space, client: TestClient) -> None:
    headers = key(space, "analyst")
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = client.get(
            "/api/refused", params={"source": "desk", "limit": 3, **more}, headers=headers
        ).json()
        found += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break
    assert len({r["refused"] for r in found}) == 7
    groups = client.get("/api/refused/groups", headers=headers)
    assert [(g["source"], g["n"]) for g in groups.json()["items"]] == [("desk", 7), ("loft", 1)]
    reason = groups.json()["items"][1]["reason"]
    assert len(client.get("/api/refused", params={"reason": reason}, headers=headers).json()["items"]) == 1
    assert SECRET not in groups.text + str(found)
    for wrong in ({"limit": "0"}, {"limit": "many"}, {"cursor": "x"}):
        assert client.get("/api/refused", params=wrong, headers=headers).status_code == 400


def test_a_look_answers_the_row_and_leaves_its_reason(space: Space, client: TestClient) -> None:
    [row] = space.refused(source="loft")
    path = f"/api/refused/{row['refused']}/open"
    officer = key(space, "privacy")
    assert client.post(path, headers=officer, json={"why": ""}).status_code == 400
    assert client.post(path, headers=officer, json={}).json()["error"]["place"] == "$"
    assert client.post(path, headers=officer, json={"why": "x" * 9000}).status_code == 413
    assert client.post(path, headers=officer, content=b'{"why": "x"}').status_code == 415
    assert SECRET in client.post(path, headers=officer, json={"why": "case 12"}).json()["payload"]
    assert client.post("/api/refused/none/open", headers=officer, json={"why": "x"}).status_code == 404
    assert [e.why for e in space.ground.audit.entries() if e.action != "key.used"][:1] == ["case 12"]


def test_trying_again_needs_to_be_told_what(space: Space, client: TestClient) -> None:
    engineer = key(space, "engineer")
    for wrong in ({}, {"sauce": "desk"}, {"everything": True, "source": "desk"}):
        assert client.post("/api/refused/replay", headers=engineer, json=wrong).status_code == 400
    told = client.post("/api/refused/replay", headers=engineer, json={"everything": True}).json()
    assert (told["accepted"], told["refused"]) == (0, 8)
    assert sorted(r["n"] for r in told["reasons"]) == [1, 7]
