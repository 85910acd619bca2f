"""The survey pages over HTTP and in a browser: no log-in, no cookie, no script needed, and nothing said to strangers."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from tests.serving import Server, serving

from allears.space import Space

AXE = "axe-core@4.10.3"


class _Site(BaseHTTPRequestHandler):
    script = ""

    def do_GET(self) -> None:
        body = f"<!doctype html><title>A shop</title><p>Hello</p>{self.script}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Another site, which may show a survey inside."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(scope="module")
def links() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], site: str) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ask") / "acme"
    people = folder.parent / "people.csv"
    names = ("once", "twice", "keys", "axe", "gone")
    people.write_text("email,language\n" + "".join(f"{n}@example.com,it\n" for n in names), "utf-8")
    with Space.open(folder) as space:
        space.surveys.folder.mkdir()
        own = space.surveys.text("ces").replace(
            "public = false",
            f'public = true\nanswers_an_hour = 3\norigins = ["{site}"]',
        )
        (space.surveys.folder / "ces.toml").write_text(own, "utf-8")
        opened = space.surveys.text("nps").replace("public = false", "public = true")
        (space.surveys.folder / "nps.toml").write_text(opened, "utf-8")
        _, rows = space.ask("nps", str(people))
        links |= {r["email"].partition("@")[0]: r["link"].removeprefix(space.settings.ask.url) for r in rows}
        space.digest(look=False)
        space.erase("gone@example.com")
    with serving(folder, "--role", "listen,digest") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as opened:
        yield opened


def test_the_page_is_careful(client: httpx.Client, links: dict[str, str]) -> None:
    answer = client.get(links["once"])
    assert answer.status_code == 200 and "Ci consiglieresti?" in answer.text
    policy = answer.headers["content-security-policy"]
    assert (
        "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src" not in policy
    )
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "set-cookie" not in answer.headers
    assert "<script" not in answer.text and "style=" not in answer.text and "once@" not in answer.text


def test_the_language_asked_for_is_shown(client: httpx.Client, links: dict[str, str]) -> None:
    assert '<html lang="de"' in client.get(links["once"], params={"lang": "de"}).text
    public = client.get("/ask/open/nps", headers={"Accept-Language": "nl, fr-CH;q=0.8, en;q=0.5"})
    assert '<html lang="fr"' in public.text


def test_an_answer_counts_and_a_replay_gets_a_friendly_page(
    client: httpx.Client, links: dict[str, str], server: Server
) -> None:
    first = client.post(links["twice"], data={"recommend": "9", "why": "Gentili, e la consegna puntuale"})
    assert first.status_code == 200 and "Grazie" in first.text
    for again in (client.get(links["twice"]), client.post(links["twice"], data={"recommend": "0"})):
        assert again.status_code == 410 and "già risposto" in again.text


def test_strangers_learn_nothing(client: httpx.Client, links: dict[str, str]) -> None:
    changed = links["once"][:-1] + ("A" if links["once"][-1] != "A" else "B")
    answers = [
        client.get(p)
        for p in (changed, links["gone"], "/ask/x", "/ask/open/trustid", "/ask/open/csat", "/ask/open/none")
    ]
    assert [a.status_code for a in answers] == [404] * 6
    assert len({a.text for a in answers}) == 1
    assert "acme" not in answers[0].text


def test_what_is_missing_or_wrong_is_said_and_nothing_typed_is_lost(
    client: httpx.Client, links: dict[str, str]
) -> None:
    attack = '</textarea><script>alert(1)</script>"'
    for form in (
        {"why": attack},
        {"recommend": "11", "why": attack},
        {"recommend": "9' or 1", "why": attack},
    ):
        answer = client.post(links["once"], data=form)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text and 'href="#q-recommend"' in answer.text
        assert "<script" not in answer.text and "&lt;/textarea&gt;&lt;script&gt;" in answer.text
    assert "C&#x27;è un problema" in answer.text


def test_odd_bodies_are_refused_politely(client: httpx.Client, links: dict[str, str]) -> None:
    bodies = (b"\xff\xfe=1", b"a=1&" * 500, b"why=" + b"x" * 300_000)
    assert [client.post(links["once"], content=b).status_code for b in bodies] == [400, 400, 400]
    assert client.post(links["once"], data={"recommend": "9", "why": "x" * 4_001}).status_code == 422
    assert client.get(links["once"]).status_code == 200


def test_an_anonymous_answer_needs_a_visit_and_comes_at_a_pace(client: httpx.Client) -> None:
    assert client.post("/ask/open/ces", data={"easy": "7"}).status_code == 404

    def answer() -> httpx.Response:
        visit = re.search(r'name="visit" value="([^"]+)"', client.get("/ask/open/ces").text)
        assert visit is not None
        return client.post("/ask/open/ces", data={"easy": "7", "visit": visit[1]})

    answers = [answer() for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "3600"


def test_only_the_sites_that_a_survey_names_may_frame_it(client: httpx.Client, site: str) -> None:
    framed = client.get("/ask/embed/ces")
    assert f"frame-ancestors {site}" in framed.headers["content-security-policy"]
    assert "x-frame-options" not in framed.headers
    other = client.get("/ask/embed/nps")
    assert "frame-ancestors 'none'" in other.headers["content-security-policy"]
    assert other.headers["x-frame-options"] == "DENY"


# -- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the source of axe-core, the yardstick of accessibility."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine: axe-core cannot be installed")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", AXE],
        cwd=folder,
        capture_output=True,
        timeout=120,
    )
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if done.returncode or not source.is_file():
        pytest.skip("axe-core could not be installed")
    return source.read_text("utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_mend(
    browser: Any, server: Server, links: dict[str, str], axe: str, scheme: str
) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": 390, "height": 844}, bypass_csp=True
    )
    page = context.new_page()

    def complaints() -> list[str]:
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        assert len(found["passes"]) >= 10  # it looked
        return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found["violations"]]

    for path in (links["axe"], "/ask/embed/ces", "/ask/none", links["twice"]):
        page.goto(server.url + path)
        assert complaints() == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    page.goto(server.url + links["axe"])
    page.evaluate("document.querySelectorAll('[required]').forEach(e => e.required = false)")
    page.click("button")
    page.wait_for_selector(".problem")
    assert page.evaluate("document.activeElement.className") == "problem"
    assert complaints() == []
    context.close()


@pytest.mark.browser
def test_the_keyboard_alone_answers_it_without_scripts_or_cookies(
    browser: Any, server: Server, links: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url + links["keys"])
    page.keyboard.press("Tab")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.type("Tutto chiaro")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    assert page.inner_text("h1") == "Grazie"
    assert context.cookies() == []
    context.close()


@pytest.mark.browser
def test_another_site_shows_it_inside_and_stays_untouched(browser: Any, server: Server, site: str) -> None:
    _Site.script = f'<script src="{server.url}/ask/embed.js" data-survey="ces" data-lang="es"></script>'
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(f"{site}/")
    frame = page.frame_locator("iframe")
    assert "facilitó" in frame.locator("legend").inner_text()
    page.wait_for_function("document.querySelector('iframe').style.height !== '560px'")
    assert all(u.startswith((server.url, site)) for u in asked)
    assert context.cookies() == []
    assert page.evaluate("Object.keys(localStorage).length") == 0
    context.close()


def test_nothing_of_a_survey_is_left_to_a_database_reader(
    server: Server, links: dict[str, str], tmp_path: Path
) -> None:
    # Runs last: what the desk keeps of invitations holds no address in clear.
    folder = Path(str(server.process.args[server.process.args.index("--space") + 1]))  # type: ignore[union-attr, index]
    kept = b"".join(p.read_bytes() for p in folder.glob("desk.db*"))
    assert b"once@example.com" not in kept and b"twice@example.com" not in kept
