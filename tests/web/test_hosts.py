"""A name that is not ours meets no page."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from starlette.testclient import TestClient

from allears.settings import AskSettings, GuardSettings, Settings
from allears.space import Space
from allears.web.app import build
from allears.web.hosts import known_names


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(
        guard=GuardSettings(allowed_hosts=("ears.example", "*.corp.example")),
        ask=AskSettings(url="https://survey.example/ask"),
    )
    with Space.open(tmp_path_factory.mktemp("hosts") / "acme", settings=settings) as space:
        yield TestClient(build(space, host="inside.example"), base_url="http://127.0.0.1")


OURS = (
    "127.0.0.1",
    "localhost:8765",
    "[::1]:8765",
    "192.0.2.5",
    "EARS.example",
    "ears.example:443",
    "ears.example.",
    "a.corp.example",
)
OURS = (*OURS, "survey.example", "inside.example")
STRANGE = (
    "evil.example",
    "corp.example",
    "ears.example.evil",
    "ears.example@evil",
    "127.0.0.1.evil",
    "evil:80:80",
    "",
)


@pytest.mark.parametrize("host", OURS)
def test_pages_answer_to_names_that_are_ours(client: TestClient, host: str) -> None:
    assert client.get("/login", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", [host for host in STRANGE if host])
@pytest.mark.parametrize("path", ["/", "/login", "/api/status", "/ask/open/none", "/_nicegui_ws/socket.io/"])
def test_and_to_no_others(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"host": host}, follow_redirects=False)
    assert (answer.status_code, answer.json()["error"]["place"]) == (421, "host")
    assert host not in answer.text and "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/track", "/signals", "/health/live", "/metrics", "/hooks/none"])
def test_programs_bring_a_key_whatever_name_they_use(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"host": "elsewhere.example"}).status_code != 421


def test_loopback_alone_is_known_without_settings() -> None:
    assert known_names(msgspec.structs.replace(Settings())) == ["localhost", "127.0.0.1"]
