"""Role by route: each cell of ``routes.csv`` is asked for, and no route is without a row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nicegui
import pytest
from tests.serving import Server, serving
from tests.web.routed import routes
from tests.web.world import PASSWORD, logins, make_space

from allears.guard.access import Role
from allears.space import Space
from allears.web.app import build

TABLE = list(csv.DictReader((Path(__file__).parent / "routes.csv").read_text("utf-8").splitlines()))
ROLES = [str(role) for role in Role]
WHO = ["nobody", *ROLES]
# Of nobody and of no request: what may be done is refused late, what may not early.
RIGHTS_BODIES = {
    "/api/requests": {"who": "nobody@example.com", "kind": "access"},
    "/api/rectify": {"who": "nobody@example.com", "kind": "name", "right": "Ada", "why": "case 12"},
    "/api/holds": {"who": "nobody@example.com", "why": "case 12"},
    "/api/holds/h0/end": {"why": "case 12"},
    "/api/restrictions": {"who": "nobody@example.com", "why": "case 12"},
    "/api/restrictions/x0/lift": {"told": "by letter"},
    "/api/requests/r0/export": {},
    "/api/requests/r0/erase": {"why": "case 12", "everything": True},
    "/api/requests/r0/check": {"how": "called back"},
    "/api/requests/r0/close": {"outcome": "sent"},
    "/api/requests/r0/object": {"purposes": ["analytics"]},
    "/api/requests/r0/rectify": {"kind": "name", "right": "Ada"},
    **{f"/api/requests/r0/{what}": {"why": "case 12"} for what in ("extend", "restrict")},
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FACTS: dict[str, str] = {}
ROUTES: dict[str, str] = {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("routes") / "acme"
    make_space(folder)
    with Space.open(folder) as space:
        space.add_channel("helpdesk", "zendesk", "a secret")
        logins(space).add("sender", PASSWORD, "sender")
        FACTS["{known}"] = space.customers(limit=1)[0]["customer"]
        for role in ROLES:
            partner = "Postwing" if role == "partner" else None
            FACTS[role] = space.keys.make(role, role, partner=partner)[0]
        FACTS["{refused}"] = space.refused(limit=1)[0]["refused"]
        FACTS["{own key}"] = FACTS["sender"]
        # The page icon's route is made when a server starts, which in this process none may have done yet.
        ROUTES.update(routes(build(space)) | {"/favicon.ico": "/favicon.ico"})
    with serving(folder, "--role", "listen,web") as running:
        yield running


@pytest.fixture(scope="module")
def keys(server: Server) -> Iterator[dict[str, httpx.Client]]:
    """A client for each role, with its key."""
    clients = {
        who: httpx.Client(
            base_url=server.url,
            timeout=60,
            headers={"Authorization": f"Bearer {FACTS[who]}"} if who in FACTS else {},
        )
        for who in WHO
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def logged_in(server: Server) -> Iterator[dict[str, httpx.Client]]:
    """A client for each role, with the cookie of its log-in."""
    clients = {who: httpx.Client(base_url=server.url, timeout=60) for who in WHO}
    for role in ROLES:
        answer = clients[role].post("/login", data={"name": role, "password": PASSWORD})
        assert answer.status_code == 303
    yield clients
    for client in clients.values():
        client.close()


def _path(row: dict[str, str]) -> str:
    path = ROUTES[row["route"]] if row["path"] == row["route"] else row["path"]
    path = path.replace("_nicegui/*", f"_nicegui/{nicegui.__version__}")
    for name, value in FACTS.items():
        path = path.replace(name, value) if name.startswith("{") else path
    return path


def _body(path: str, who: str) -> dict[str, Any]:
    event = {
        "type": "track", "userId": "u1", "previousId": "u0", "groupId": "g", "event": "Viewed", "name": "Home",
        "messageId": f"{path}-{who}",
    }  # fmt: skip
    if path.endswith(("/batch", "/import", "/b")):
        return {"json": {"batch": [event]}}
    if path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
        return {"json": {"resource" + {"traces": "Spans"}.get(path[4:], path[4:].capitalize()): []}}
    if path.startswith("/api/refused/"):
        return {"json": {"source": "till"} if path.endswith("/replay") else {"why": "case 12"}}
    if path in RIGHTS_BODIES:
        return {"json": RIGHTS_BODIES[path]}
    if path == "/signals":
        return {"json": {"text": "Late again", "signal_id": who, "identifiers": {"user_id": "u1"}}}
    return {"json": event} if path.startswith("/v1/") else {}


def _ask(client: httpx.Client, method: str, path: str, who: str) -> int:
    more = _body(path, who) if method == "POST" else {}
    return client.request(method, path, **more).status_code


def test_every_route_has_a_row_and_every_row_a_route(server: Server) -> None:
    assert {row["route"] for row in TABLE} == set(ROUTES)


def test_every_role_has_a_column() -> None:
    assert list(TABLE[0])[4:] == WHO


def _is_page(row: dict[str, str]) -> bool:
    return row["nobody"] == "303" and row["method"] == "GET"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['method']} {row['path']}")
def test_each_role_gets_the_answer_of_the_table(
    keys: dict[str, httpx.Client], logged_in: dict[str, httpx.Client], row: dict[str, str]
) -> None:
    path, clients = _path(row), logged_in if _is_page(row) else keys
    found = {who: _ask(client, row["method"], path, who) for who, client in clients.items()}
    assert found == {who: int(row[who]) for who in WHO}


def test_a_log_in_counts_where_one_reads_and_nowhere_else(logged_in: dict[str, httpx.Client]) -> None:
    rows = [row for row in TABLE if not _is_page(row)]
    found = {f"{r['method']} {r['path']}": _ask(logged_in["cio"], r["method"], _path(r), "cio") for r in rows}
    who = {"GET": "cio", "POST": "nobody"}
    assert found == {f"{r['method']} {r['path']}": int(r[who[r["method"]]]) for r in rows}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_without_a_row_does_nothing(keys: dict[str, httpx.Client], method: str) -> None:
    known = {(row["route"], row["method"]) for row in TABLE}
    rows = {row["route"]: row for row in TABLE if (row["route"], method) not in known}
    answered = {route: keys["cio"].request(method, _path(row)).status_code for route, row in rows.items()}
    # 404: nothing of ours, so it fell through to the pages' framework, which knows nothing either.
    assert {route: code for route, code in answered.items() if code not in (404, 405)} == {}
