"""What a browser may do with our answers: asked for over HTTP, and tried by a page of another site in a real browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jinja2
import pytest
from tests.serving import Server, serving
from tests.web.world import PASSWORD, make_space
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from allears.web.policy import give_scripts_their_nonce

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("policy") / "acme"
    make_space(folder)
    with serving(folder, "--role", "web") as running:
        yield running


@pytest.fixture(scope="module")
def reader(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert _log_in(client).status_code == 303
        yield client


def _log_in(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/login", data={"name": "cio", "password": PASSWORD}, headers=headers)


def _policy(answer: httpx.Response) -> dict[str, list[str]]:
    rules = [rule.split() for rule in answer.headers["content-security-policy"].split(";")]
    return {name: values for name, *values in rules}


def test_scripts_of_a_page_run_by_a_nonce_that_is_new_each_time(reader: httpx.Client) -> None:
    nonces = set()
    for _ in range(2):
        answer = reader.get("/issues")
        scripts = _policy(answer)["script-src"]
        assert "'unsafe-inline'" not in scripts and not [s for s in scripts if "*" in s or "http" in s]
        found = re.findall(r'<script nonce="([^"]{20,})"', answer.text)
        assert f"'nonce-{found[0]}'" in scripts and len(set(found)) == 1
        assert len(found) == answer.text.count("<script")
        nonces.add(found[0])
    assert len(nonces) == 2


def test_what_leads_nowhere_is_told_to_a_browser_on_a_page_of_ours(reader: httpx.Client) -> None:
    answer = reader.get("/customers/ada@example.com/x", headers={"accept": "text/html"})
    assert answer.status_code == 404 and "Nothing is at this address" in answer.text
    assert 'href="/"' in answer.text and "ada" not in answer.text


@pytest.mark.parametrize("path", ["/issues", "/login", "/api/issues", "/nowhere"])
def test_every_answer_says_what_a_browser_may_do(reader: httpx.Client, path: str) -> None:
    answer = reader.get(path, headers={"accept": "text/html"})
    policy = _policy(answer)
    assert answer.headers["content-type"].partition(";")[0] == (
        "application/json" if "/api/" in path else "text/html"
    )
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["default-src"] in (["'self'"], ["'none'"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    # Pages with forms say to themselves where a form came from, and to nobody else.
    said = "no-referrer" if path.startswith("/api/") else "same-origin"
    assert answer.headers.get_list("referrer-policy") == [said]
    assert "strict-transport-security" not in answer.headers


def test_markup_that_comes_in_with_a_value_gets_no_nonce() -> None:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"page": "<script>ours</script>{{ said | safe }}"})
    )
    for _ in range(2):
        give_scripts_their_nonce(environment)
    drawn = environment.get_template("page").render(
        said="<script>theirs</script>", request={"state": {"nonce": "n"}}
    )
    assert drawn == '<script nonce="n">ours</script><script>theirs</script>'


def test_a_log_in_over_tls_is_kept_to_tls_and_to_this_host(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        answer = _log_in(client, **{"X-Forwarded-Proto": "https"})
        cookie = answer.headers["set-cookie"]
        name, _, rest = cookie.partition("=")
        assert name == "__Host-allears_session"
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in rest.split(";")}
        assert "domain" not in rest.lower()
        assert "max-age" in answer.headers["strict-transport-security"]
        sent = {"Cookie": cookie.partition(";")[0]}
        assert client.get("/issues", headers={**sent, "X-Forwarded-Proto": "https"}).status_code == 200
        renamed = {"Cookie": sent["Cookie"].replace("__Host-", "")}
        assert client.get("/issues", headers={**renamed, "X-Forwarded-Proto": "https"}).status_code == 303


def test_a_token_that_somebody_else_set_is_never_the_log_in(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=60, cookies={"allears_session": "fixed"}) as client:
        answer = _log_in(client)
        assert "allears_session=fixed" not in answer.headers["set-cookie"]
        assert (
            httpx.get(
                server.url + "/issues", headers={"Cookie": "allears_session=fixed"}, timeout=60
            ).status_code
            == 303
        )


def test_the_link_of_the_start_opens_once(server: Server) -> None:
    first, second = (httpx.get(server.once, timeout=60) for _ in range(2))
    assert (first.headers["location"], second.headers["location"]) == ("/", "/login")
    assert "HttpOnly" in first.headers["set-cookie"] and "set-cookie" not in second.headers


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda told: "-".join(told.values()),
)
def test_no_page_of_another_site_opens_a_socket(server: Server, told: dict[str, str]) -> None:
    address = server.url.replace("http:", "ws:") + SOCKET
    with pytest.raises(InvalidStatus) as caught, connect(address, additional_headers=told):
        pass
    assert caught.value.response.status_code == 403
    polled = httpx.get(server.url + SOCKET.replace("=websocket", "=polling"), headers=told, timeout=60)
    assert polled.status_code == 403


@pytest.mark.parametrize(
    "path", ["/_nicegui/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd", "/hooks/..%2f..%2fspace.key"]
)
def test_no_path_leads_out(server: Server, path: str) -> None:
    answer = httpx.get(server.url + path, timeout=60)
    assert answer.status_code in (303, 404) and "root:" not in answer.text


@pytest.mark.parametrize("target", ["/issues\r\nSet-Cookie: x=1", "/%0d%0aSet-Cookie: x=1", "/issues\x00"])
def test_where_to_go_next_writes_no_header(server: Server, target: str) -> None:
    form = {"name": "cio", "password": PASSWORD, "next": target}
    answer = httpx.post(server.url + "/login", data=form, timeout=60)
    assert answer.status_code == 303
    assert len(answer.headers.get_list("set-cookie")) == 1 and "\n" not in answer.headers["location"]


# -- in a real browser -------------------------------------------------------------------------------------------------


@pytest.fixture
def visitor(browser: Any, server: Server) -> Iterator[Any]:
    """A page of somebody who is logged in."""
    page = browser.new_page()
    page.goto(server.url + "/login")
    page.fill("[name=name]", "cio")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("main")
    yield page
    page.context.close()


@contextmanager
def _site(html: str) -> Iterator[str]:
    """Serve one page as another site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    try:
        # Another name for the same machine: for a browser that is another site.
        yield f"http://localhost:{served.server_port}/"
    finally:
        served.shutdown()
        thread.join()
        served.server_close()


@pytest.mark.browser
def test_markup_that_got_in_all_the_same_runs_nothing(visitor: Any) -> None:
    visitor.evaluate(
        """() => {
          const box = document.createElement('div');
          box.innerHTML = '<img src="x" onerror="window.hurt=1"><svg onload="window.hurt=1"></svg><a id="away" href="javascript:window.hurt=1">a</a><iframe src="javascript:parent.hurt=1"></iframe>';
          document.body.append(box);
          const script = document.createElement('script');
          script.textContent = 'window.hurt=1';
          document.body.append(script);
          document.getElementById('away').click();
        }"""
    )
    visitor.wait_for_timeout(300)
    assert visitor.evaluate("window.hurt") is None


@pytest.mark.browser
def test_no_other_site_shows_our_pages_in_a_frame(visitor: Any, server: Server) -> None:
    with _site(f'<iframe src="{server.url}/issues"></iframe>') as evil:
        visitor.goto(evil)
        visitor.wait_for_timeout(500)
        assert [f.url for f in visitor.frames if f.url.startswith(server.url)] == []


@pytest.mark.browser
def test_no_other_site_ends_a_log_in_or_makes_one(visitor: Any, server: Server) -> None:
    own = next(c["value"] for c in visitor.context.cookies(server.url) if c["name"] == "allears_session")
    form = f"""<form method="post" action="{server.url}/{{}}"><input name="name" value="analyst"><input name="password" value="{PASSWORD}"></form>
    <script>document.forms[0].submit()</script>"""
    for path in ("logout", "login"):
        with _site(form.format(path)) as evil:
            visitor.goto(evil)
            visitor.wait_for_url(f"{server.url}/**")
    kept = [c["value"] for c in visitor.context.cookies(server.url) if c["name"] == "allears_session"]
    assert kept == [own]
    answer = httpx.get(server.url + "/issues", cookies={"allears_session": own}, timeout=60)
    assert answer.status_code == 200


@pytest.mark.browser
def test_a_page_left_open_ends_with_its_log_in(visitor: Any, server: Server) -> None:
    own = {c["name"]: c["value"] for c in visitor.context.cookies(server.url)}
    assert httpx.post(server.url + "/logout", cookies=own, timeout=60).status_code == 303
    visitor.wait_for_url(f"{server.url}/login", timeout=30_000)
