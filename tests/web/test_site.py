"""Whose form it is: told by `Sec-Fetch-Site`, by `Origin` where a browser does not send that, and by a browser that does not."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.serving import Server, serving
from tests.web.world import PASSWORD, logins

from allears.space import Space

SETTINGS = (
    '[guard]\nallowed_hosts = ["ears.example", "*.corp.example"]\n[ask]\nurl = "https://survey.example/ask"\n'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("site") / "acme"
    with Space.open(folder) as space:
        logins(space).add("cio", PASSWORD, "cio")
    with (folder / "allears.toml").open("a") as file:
        file.write(SETTINGS)
    with serving(folder, "--role", "web") as running:
        yield running


def _asked(server: Server, path: str, headers: dict[str, str], **cookies: str) -> httpx.Response:
    form = {"name": "cio", "password": PASSWORD, "code": "000000"}
    return httpx.post(server.url + path, data=form, headers=headers, cookies=cookies, timeout=60)


OURS = {
    "nothing": {},
    "typed": {"Sec-Fetch-Site": "none"},
    "the same host": {"Origin": "{url}"},
    "its name": {"Host": "ears.example", "Origin": "http://ears.example"},
    "a port that goes without saying": {"Host": "ears.example:443", "Origin": "https://ears.example"},
    "a proxy that passes the host": {"Host": "ears.example", "Origin": "https://ears.example", "X-Forwarded-Proto": "https"},
    "a proxy that changes the host": {"Origin": "https://ears.example", "X-Forwarded-Proto": "https"},
    "a proxy that says nothing": {"Origin": "https://ears.example"},
    "the configured address": {"Origin": "https://survey.example"},
    "the browser says more": {"Sec-Fetch-Site": "same-origin", "Origin": "https://elsewhere.example"},
}  # fmt: skip
STRANGE = {
    "null": {"Origin": "null"},
    "empty": {"Origin": ""},
    "another": {"Origin": "https://evil.example"},
    "another port": {"Host": "ears.example", "Origin": "http://ears.example:8080"},
    "another port of the configured address": {"Origin": "https://survey.example:8443"},
    "the configured address without TLS": {"Origin": "http://survey.example"},
    "without TLS": {"Host": "ears.example", "Origin": "http://ears.example", "X-Forwarded-Proto": "https"},
    "a name that ends alike": {"Origin": "https://ears.example.evil"},
    "a name within": {"Origin": "https://ears.example@evil.example"},
    "a sibling": {"Host": "a.corp.example", "Origin": "https://b.corp.example"},
    "no port": {"Origin": "https://ears.example:99999"},
    "a port nobody can read": {"Origin": "https://ears.example:x"},
    "the visitor's own machine": {"Host": "ears.example", "Origin": "http://127.0.0.1:8765"},
    "cross-site": {"Sec-Fetch-Site": "cross-site", "Origin": "{url}"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
}  # fmt: skip


def _headers(told: dict[str, str], server: Server) -> dict[str, str]:
    return {name: value.replace("{url}", server.url) for name, value in told.items()}


@pytest.mark.parametrize("told", OURS.values(), ids=OURS)
def test_a_form_of_ours_is_taken(server: Server, told: dict[str, str]) -> None:
    headers = _headers(told, server)
    inside = _asked(server, "/login", headers)
    assert inside.status_code == 303
    name, _, token = inside.headers["set-cookie"].partition(";")[0].partition("=")
    assert "set-cookie" in _asked(server, "/logout", headers, **{name: token}).headers


@pytest.mark.parametrize("told", STRANGE.values(), ids=STRANGE)
def test_a_form_of_another_site_does_nothing(server: Server, told: dict[str, str]) -> None:
    headers = _headers(told, server)
    refused = _asked(server, "/login", headers)
    assert refused.status_code == 403 and "set-cookie" not in refused.headers
    inside = _asked(server, "/login", {})
    kept = dict(inside.cookies)
    for path in ("/logout", "/login/factor"):
        assert "set-cookie" not in _asked(server, path, headers, **kept).headers
    assert httpx.get(server.url + "/issues", cookies=kept, timeout=60).status_code == 200


# -- in a real browser, over plain HTTP at a name: there it sends no Sec-Fetch-Site ---------------------------------------------


@pytest.fixture(scope="module")
def visitor() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = os.environ.get("ALLEARS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine (set ALLEARS_CHROMIUM)")
    with api.sync_playwright() as playwright:
        names = "--host-resolver-rules=MAP *.example 127.0.0.1"
        opened = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", names]
        )
        yield opened.new_page()
        opened.close()


@contextmanager
def _site(html: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://evil.example:{served.server_port}/"
    served.shutdown()
    served.server_close()


def _log_in(page: Any, url: str) -> None:
    page.goto(url + "/login")
    page.fill("[name=name]", "cio")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("nav")


def _posting(page: Any, url: str) -> Any:
    return page.expect_request(lambda r: r.method == "POST" and r.url.startswith(url))


@pytest.mark.browser
def test_a_browser_that_says_its_origin_alone_logs_in_and_out(visitor: Any, server: Server) -> None:
    url = f"http://ears.example:{urlsplit(server.url).port}"
    with _posting(visitor, url) as entering:
        _log_in(visitor, url)
    with _posting(visitor, url) as leaving:
        visitor.evaluate("document.querySelector('form[action=\"/logout\"]').requestSubmit()")
    visitor.wait_for_url(f"{url}/login")
    told = [form.value.all_headers() for form in (entering, leaving)]
    assert [one.get("origin") for one in told] == [url, url]
    assert not any("sec-fetch-site" in one for one in told)
    assert visitor.context.cookies(url) == [] or "allears_session" not in str(visitor.context.cookies(url))


@pytest.mark.browser
@pytest.mark.parametrize("hidden", [False, True], ids=["origin", "null"])
def test_and_another_site_makes_it_do_neither(visitor: Any, server: Server, hidden: bool) -> None:
    url = f"http://ears.example:{urlsplit(server.url).port}"
    _log_in(visitor, url)
    kept = [c["value"] for c in visitor.context.cookies(url) if c["name"] == "allears_session"]
    quiet = '<meta name="referrer" content="no-referrer">' if hidden else ""
    for path in ("logout", "login"):
        form = f"""{quiet}<form method="post" action="{url}/{path}"><input name="name" value="cio"><input name="password" value="{PASSWORD}"></form>
        <script>document.forms[0].submit()</script>"""
        with _site(form) as evil:
            with _posting(visitor, url) as sent:
                visitor.goto(evil)
            visitor.wait_for_url(f"{url}/**")
            told = sent.value.all_headers()
            assert told.get("origin") == ("null" if hidden else evil.rstrip("/"))
    assert [c["value"] for c in visitor.context.cookies(url) if c["name"] == "allears_session"] == kept
    assert httpx.get(server.url + "/issues", cookies={"allears_session": kept[0]}, timeout=60).status_code == 200  # fmt: skip
