"""What leads nowhere is told to programs in the shape of every other error; browsers on a page (`test_policy`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from allears.space import Space
from allears.web.app import build

PARTS = ("listen,web", "web", "listen")
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with Space.open(tmp_path_factory.mktemp("nowhere") / "acme") as opened:
        yield opened


@pytest.fixture(scope="module")
def clients(space: Space) -> dict[str, TestClient]:
    return {
        parts: TestClient(build(space, parts=frozenset(parts.split(","))), base_url="http://127.0.0.1", follow_redirects=False)
        for parts in PARTS
    }  # fmt: skip


@pytest.fixture(params=PARTS)
def parts(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(clients: dict[str, TestClient], parts: str) -> TestClient:
    return clients[parts]


@pytest.mark.parametrize("headers", [{"accept": "application/json"}, {}, {"accept": "*/*"}])
@pytest.mark.parametrize("path", ["/nowhere", "/customers/ada@example.com/x", "/api/nowhere", "/hooks/x/y", "/v1/nowhere", "/signals/x", "/api/issues/", "/_nicegui/none"])  # fmt: skip
def test_a_program_is_told_in_json(client: TestClient, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 404 and "ada" not in answer.text
        assert answer.json() == {
            "error": {"code": "not_found", "message": "nothing is at this address", "place": "path"}
        }


@pytest.mark.parametrize(
    "path", ["/api/nowhere", "/hooks/x/y", "/v1/nowhere", "/signals/x", "/health/nothing"]
)
def test_a_door_of_programs_answers_json_to_a_browser_too(client: TestClient, path: str) -> None:
    assert client.get(path, headers=BROWSER).json()["error"]["place"] == "path"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/issues", "GET"), ("PUT", "/api/holds", "GET, POST"), ("DELETE", "/login", "GET, POST"), ("POST", "/issues", "GET"),
        ("POST", "/health/live", "GET"), ("GET", "/v1/track", "POST, OPTIONS"), ("PATCH", "/signals", "POST, OPTIONS"), ("GET", "/v1/traces", "POST, OPTIONS"),
    ],
)  # fmt: skip
def test_a_method_nobody_answers_is_told_with_those_that_are(
    client: TestClient, parts: str, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    there = path.startswith(("/health", "/v1", "/signals")) or "web" in parts
    there = there and ("POST, OPTIONS" not in allowed or "listen" in parts)
    assert answer.status_code == (405 if there else 404)
    assert answer.json()["error"]["place"] == ("method" if there else "path")
    if there:
        assert answer.headers["allow"] == allowed


def test_what_fails_inside_is_told_without_its_words(space: Space) -> None:
    app = build(space, parts=frozenset({"listen"}))

    async def fails(_: Request) -> None:
        raise RuntimeError("ada@example.com")

    app.router.add_route("/health/fails", fails)
    app.router.routes.insert(0, app.router.routes.pop())
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get("/health/fails")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal") and "ada" not in answer.text  # fmt: skip
