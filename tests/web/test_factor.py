"""A password alone opens nothing where a second factor is on."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.web.world import logins

from allears.guard import totp
from allears.settings import GuardSettings, Settings
from allears.space import Space
from allears.web.app import build

PASSWORD = "correct horse battery"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    settings = Settings(guard=GuardSettings(second_factor=("cio",)))
    with Space.open(tmp_path / "acme", settings=settings) as space:
        logins(space).add("ana", PASSWORD, "analyst")
        logins(space).add("eva", PASSWORD, "cio")
        yield space


@pytest.fixture
def client(space: Space) -> TestClient:
    return _visitor(space)


def _visitor(space: Space) -> TestClient:
    app = build(space, parts=frozenset({"web"}))
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


def _log_in(client: TestClient, name: str) -> str:
    answer = client.post("/login", data={"name": name, "password": PASSWORD, "next": "/issues"})
    assert answer.status_code == 303
    return answer.headers["location"]


def _code(secret: str, ahead: int = 0) -> str:
    return totp.code_at(base64.b32decode(secret), int(time.time()) // totp.STEP_SECONDS + ahead)


def _closed(client: TestClient) -> bool:
    return client.get("/api/issues").status_code == 401


def test_a_code_is_asked_for_after_the_password_and_opens_once(space: Space, client: TestClient) -> None:
    secret = space.factors.begin("ana").secret
    space.factors.confirm("ana", _code(secret, -1))
    assert _log_in(client, "ana") == "/login/factor?next=%2Fissues"
    assert _closed(client)
    waiting = client.cookies["allears_session"]
    wrong = client.post("/login/factor", data={"code": "no code", "next": "/issues"})
    assert (wrong.status_code, _closed(client)) == (403, True)
    code = _code(secret)
    right = client.post("/login/factor", data={"code": code, "next": "/issues"})
    assert (right.status_code, right.headers["location"]) == (303, "/issues")
    assert client.get("/api/issues").status_code == 200
    assert client.cookies["allears_session"] != waiting
    other = _visitor(space)
    _log_in(other, "ana")
    assert other.post("/login/factor", data={"code": code}).status_code == 403, "a code somebody overheard"
    assert _closed(other)
    told = [(e.actor, e.action) for e in reversed(space.ground.audit.entries())]
    assert told == [("nobody", "factor.failed"), ("user:ana", "login"), ("nobody", "factor.failed")]


def test_whose_role_needs_one_sets_it_up_before_anything_opens(space: Space, client: TestClient) -> None:
    assert _log_in(client, "eva").startswith("/login/factor")
    page = client.get("/login/factor").text
    assert "data:image/svg+xml" in page and _closed(client)
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert found is not None
    done = client.post("/login/factor", data={"code": _code(found[1]), "next": "/issues"})
    codes = re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", done.text)
    assert (done.status_code, len(codes)) == (200, 10) and done.headers["cache-control"] == "no-store"
    assert client.get("/api/issues").status_code == 200
    assert codes[0] not in client.get("/login/factor").text
    other = _visitor(space)
    _log_in(other, "eva")
    assert other.post("/login/factor", data={"code": codes[0]}).status_code == 303
    assert other.get("/api/issues").status_code == 200
    gone = other.post("/login/factor", data={"code": codes[1]})
    assert gone.headers["location"] == "/account" and space.factors.needs("eva") == "enrol"


def test_forms_of_other_sites_and_strangers_change_nothing(space: Space, client: TestClient) -> None:
    assert client.get("/login/factor").headers["location"] == "/login"
    secret = space.factors.begin("ana").secret
    space.factors.confirm("ana", _code(secret, -1))
    _log_in(client, "ana")
    far = client.post("/login/factor", data={"code": _code(secret)}, headers={"sec-fetch-site": "cross-site"})
    assert far.status_code == 403 and _closed(client)
    inside = client.post("/login/factor", data={"code": _code(secret), "next": "//evil.example"})
    assert inside.headers["location"] == "/"


def test_a_new_password_ends_what_waited_for_a_code(space: Space, client: TestClient) -> None:
    secret = space.factors.begin("ana").secret
    space.factors.confirm("ana", _code(secret, -1))
    _log_in(client, "ana")
    logins(space).add("ana", PASSWORD + "2", "analyst")
    client.post("/login/factor", data={"code": _code(secret)})
    assert _closed(client)
