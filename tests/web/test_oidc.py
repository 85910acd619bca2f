"""Log-in at a provider: a real one on loopback, which keeps to the protocol until a test says otherwise."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from allears.errors import Refused
from allears.settings import OidcSettings, Settings, read_settings_text
from allears.space import Space
from allears.web.app import build

CLIENT, SECRET, OURS = "allears-acme", "a secret of the client", "http://127.0.0.1:8765"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
STRANGER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


class Provider(ThreadingHTTPServer):
    """Authorisation code with PKCE (S256), a client with a secret, and RS256."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.reset()

    def reset(self) -> None:
        """Keep to the protocol again, with somebody of the analysts."""
        self.claims: dict[str, Any] = {"sub": "u-17", "groups": ["everybody", "ears-analysts"]}
        self.signs, self.says, self.header = KEY, self.issuer, {"alg": "RS256", "kid": "one"}
        self.codes: dict[str, dict[str, str]] = {}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        provider, url = self.server, urlsplit(self.path)
        if url.path == "/.well-known/openid-configuration":
            ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            self._json({"issuer": provider.says} | {k: f"{provider.issuer}/{v}" for k, v in ends.items()})
        elif url.path == "/jwks":
            self._json({"keys": [KEY.as_dict(private=False)]})
        else:
            asked = dict(parse_qsl(url.query))
            right = {
                "client_id": CLIENT,
                "response_type": "code",
                "code_challenge_method": "S256",
                "redirect_uri": f"{OURS}/login/oidc/back",
            }
            assert {k: asked.get(k) for k in right} == right and "openid" in asked["scope"].split()
            code = secrets.token_urlsafe(16)
            provider.codes[code] = asked
            self.send_response(302)
            self.send_header(
                "Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            )
            self.end_headers()

    def do_POST(self) -> None:
        provider = self.server
        form = {
            k: v[0]
            for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
        }
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = provider.codes.pop(form.get("code", ""), None)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            .decode()
            .rstrip("=")
        )
        known = self.headers.get("Authorization") == f"Basic {basic}"
        if (
            not known
            or asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            self._json({"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": provider.issuer,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        } | provider.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(provider.header, claims, provider.signs, algorithms=["RS256", "none"])
        self._json({"access_token": "a", "token_type": "Bearer", "id_token": token})

    def _json(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with Provider() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.reset()
    return running


@pytest.fixture
def space(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Space]:
    monkeypatch.setenv("ALLEARS_OIDC_SECRET", SECRET)
    roles = {"ears-privacy": "privacy", "ears-analysts": "analyst"}
    chosen = OidcSettings(issuer=provider.issuer, client_id=CLIENT, url=OURS, roles=roles)  # type: ignore[arg-type]
    with Space.open(tmp_path / "acme", settings=Settings(oidc=chosen)) as space:
        yield space


@pytest.fixture
def client(space: Space) -> TestClient:
    return _visitor(space)


def _visitor(space: Space) -> TestClient:
    return TestClient(build(space, parts=frozenset({"web"})), base_url=OURS, follow_redirects=False)


def _leave(client: TestClient, target: str = "/issues") -> str:
    """Go to the provider, which lets everybody in; give the address it sends the browser back to."""
    there = client.get("/login/oidc", params={"next": target}).headers["location"]
    back = httpx.get(there).headers["location"]
    assert back.startswith(f"{OURS}/login/oidc/back?")
    return back.removeprefix(OURS)


def _outside(client: TestClient) -> bool:
    return client.get("/api/issues").status_code == 401 and "allears_session" not in client.cookies


def test_who_has_a_role_by_a_group_comes_in_with_it(space: Space, client: TestClient) -> None:
    assert "company account" in client.get("/login").text
    answer = client.get(_leave(client))
    assert (answer.status_code, answer.headers["location"]) == (303, "/issues")
    assert client.get("/api/issues").status_code == 200
    assert client.get("/api/moves").status_code == 403, "an analyst"
    assert [(e.actor, e.action) for e in space.ground.audit.entries()] == [("user:oidc:u-17", "login")]
    assert "allears_oidc" not in client.cookies


def test_the_first_group_that_the_settings_name_counts(
    space: Space, provider: Provider, client: TestClient
) -> None:
    provider.claims["groups"] = ["ears-analysts", "ears-privacy"]
    client.get(_leave(client))
    token = client.cookies["allears_session"]
    who = space.sessions.who(token)
    assert who is not None and who.role == "privacy"


@pytest.mark.parametrize(
    "groups", [[], ["everybody"], ["EARS-ANALYSTS"], "everybody", None, 7, {"ears-analysts": 1}]
)
def test_who_has_no_role_stays_out(space: Space, provider: Provider, client: TestClient, groups: Any) -> None:
    provider.claims["groups"] = groups
    assert client.get(_leave(client)).status_code == 403
    assert _outside(client)
    assert [(e.actor, e.action) for e in space.ground.audit.entries()] == [("nobody", "login.failed")]


WRONG = {
    "for somebody else": {"aud": "another"},
    "for several, not given to us": {"aud": [CLIENT, "another"]},
    "for several, given to another": {"aud": [CLIENT, "another"], "azp": "another"},
    "by somebody else": {"iss": "https://evil.example"},
    "too old": {"exp": 1_700_000_000},
    "without an end": {"exp": None},
    "another nonce": {"nonce": "n"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": None},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_word_that_does_not_hold_opens_nothing(
    provider: Provider, client: TestClient, wrong: dict[str, Any]
) -> None:
    provider.claims |= wrong
    assert client.get(_leave(client)).status_code == 403
    assert _outside(client)


def test_a_word_signed_by_another_key_opens_nothing(provider: Provider, client: TestClient) -> None:
    provider.signs = STRANGER
    assert client.get(_leave(client)).status_code == 403
    assert _outside(client)


def test_a_word_signed_by_nobody_opens_nothing(provider: Provider, client: TestClient) -> None:
    provider.header = {"alg": "none"}
    assert client.get(_leave(client)).status_code == 403
    assert _outside(client)


def test_an_answer_belongs_to_the_browser_that_asked_and_is_good_once(
    space: Space, client: TestClient
) -> None:
    back = _leave(client)
    other = _visitor(space)
    assert other.get(back).status_code == 403, "a link to somebody else's answer"
    other.get("/login/oidc")
    assert other.get(back).status_code == 403, "its state is another's"
    assert client.get(back).status_code == 303
    client.cookies.clear()
    assert client.get(back).status_code == 403
    assert _outside(other)


def test_a_code_without_its_verifier_is_worth_nothing(provider: Provider, client: TestClient) -> None:
    back = _leave(client)
    for asked in provider.codes.values():
        asked["code_challenge"] = "another"
    assert client.get(back).status_code == 403
    assert _outside(client)


def test_a_provider_that_is_another_or_gone_is_told_and_nobody_comes_in(
    provider: Provider, client: TestClient
) -> None:
    provider.says = "https://evil.example"
    answer = client.get("/login/oidc")
    assert answer.status_code == 503 and "another" in answer.text


def test_what_the_browser_keeps_tells_nothing_and_cannot_be_made(client: TestClient) -> None:
    there = client.get("/login/oidc").headers["location"]
    kept = base64.urlsafe_b64decode(client.cookies["allears_oidc"])
    state = parse_qs(urlsplit(there).query)["state"][0]
    assert state.encode() not in kept
    client.cookies.set(
        "allears_oidc",
        base64.urlsafe_b64encode(kept[:-1] + b"x").decode(),
        domain="127.0.0.1",
        path="/login/oidc",
    )
    assert client.get("/login/oidc/back", params={"state": state, "code": "c"}).status_code == 403


def test_redirects_stay_inside(client: TestClient) -> None:
    assert client.get(_leave(client, "//evil.example")).headers["location"] == "/"


def test_no_local_name_looks_like_one_of_the_provider(space: Space) -> None:
    with pytest.raises(Refused):
        space.logins.add("oidc:u-17", "correct horse battery", "cio")


@pytest.mark.parametrize(
    "issuer", ["http://login.example.com", "ftp://login.example.com", "http://localhost.evil.example"]
)
def test_an_issuer_in_clear_is_refused_but_on_loopback(issuer: str) -> None:
    with pytest.raises(Refused):
        read_settings_text(f'[oidc]\nissuer = "{issuer}"')


@pytest.mark.parametrize("role", ["partner", "sender", "root"])
def test_a_group_gives_no_role_that_needs_more_than_a_group(role: str) -> None:
    with pytest.raises(Refused):
        read_settings_text(f'[oidc]\nroles = {{ x = "{role}" }}')
