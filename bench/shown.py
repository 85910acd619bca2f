"""Hostile text where a page shows text, and every page opened in a real browser: nothing may run, nor come in as markup."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from tests.web.routed import routes
from tests.web.world import PASSWORD

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.errors import AllearsError
from allears.know.link import queue
from allears.space import Space
from allears.tables import TABLES
from allears.web.app import build
from bench.attack import Failures, Tried
from bench.hostile import MARK

SURVEY = "hostile"
ISSUES = 60
# Elements of the attacks themselves; the pages' own have none of these.
_CAME_IN = f"""() => [...document.querySelectorAll('*')].filter(e =>
    [...e.attributes].some(a => (/^on/i.test(a.name) || /^(srcdoc|href|src|action|data)$/i.test(a.name)) && a.value.includes('{MARK}'))
    || (e.tagName === 'SCRIPT' && !e.src && e.textContent.includes('window.{MARK}=1') && !e.type.includes('json') && e.textContent.length < 200)
    || (e.tagName === 'BASE' && e.href.includes('127.0.0.1') && e.href !== location.origin + '/')
    || (e.tagName === 'META' && /refresh/i.test(e.httpEquiv) && e.content.includes('url='))).length"""


def fill(space: Space, texts: list[str]) -> dict[str, Any]:
    """Put each text where pages show text; gives how many found a place and which pages hold them."""
    fit = [t.encode("utf-8", "replace").decode() for t in texts if len(t) < 5_000]
    placed = len(fit)
    space.hear([_said(number, text) for number, text in enumerate(fit)], source="shown")
    space.hear(
        [
            {"signal_id": f"bad{n}", "text": text, "channel": text, "rating": text}
            for n, text in enumerate(fit)
        ],
        source="bad",
    )
    space.take("segment", _named(fit), source="shown")
    space.digest(look=False)
    ids = [f"shown:s{number}" for number in range(len(fit))]
    changes = issue_desk.record(space.ground.desk, TABLES["issues"].rows([_issue(space, n, text, ids) for n, text in enumerate(fit[:ISSUES])]), at=space.now())  # fmt: skip
    open_cases(space.ground.desk, changes, default_rules(), Clocks.default(), space.now())
    links = _around(space, fit)
    cases = space.cases()
    customer = space.customers(limit=1)[0]["customer"]
    for number, text in enumerate(fit):
        doings: tuple[Callable[[], Any], ...] = (
            lambda t=text: space.keys.make("sender", t[:64]),
            lambda t=text: space.logins.add(t[:64], "a word of the bench", "agent"),
            lambda t=text: space.request(customer, "access", note=t, via=t[:100]),
            lambda t=text: space.hold(customer, why=t),
            lambda t=text, n=number: space.move_case(cases[n % len(cases)]["id"], "working", note=t),
            lambda t=text, n=number: space.add_channel(t[:64], "zendesk", "a secret of the bench"),
            lambda t=text, n=number: space.add_destination(t[:64], f"https://example.com/{n}"),
        )
        for do in doings:
            try:
                do()
                placed += 1
            except AllearsError:
                pass
    filled: dict[str, Iterable[str]] = {
        "/issues/{issue}": (issue["id"] for issue in space.issues()[:10]),
        "/customers/{customer}": (row["customer"] for row in space.customers(limit=10)),
        "/customers/links/{pair}": (str(pair["pair"]) for pair in space.link_queue()[:3]),
        "/customers/segments/{segment}": (one["name"] for one in space.segments()[:3]),
        "/customers/accounts/{account}": (one["account"] for one in space.accounts()[:5]),
        "/privacy/breaches/{breach}": (one["breach"] for one in space.breaches()[:3]),
        "/ask/open/{survey}": [SURVEY],
        "/ask/embed/{survey}": [SURVEY],
        "/ask/{token}": (link.rpartition("/")[2] for link in links),
    }
    pages, left = [], []
    for path in _pages(space):
        own = (
            [path]
            if "{" not in path
            else [re.sub(r"{\w+}", quote(name), path) for name in filled.get(path, ())]
        )
        pages += own
        left += [] if own else [path]
    pages += [f"/explore?by={by}" for by in ("topic", "channel", "service", "release", "region", "platform", "partner")]  # fmt: skip
    return {"placed": placed, "pages": pages, "left": left}


def _pages(space: Space) -> list[str]:
    """List what a browser can open, by the application's own routers."""
    programs = ("/api", "/_", "/v1", "/health", "/metrics", "/assets", "/hooks", "/signals", "/logout")
    # A link of the start opens once, and the provider's two need a provider: none of them shows text.
    nothing = ("/once/{token}", "/login/oidc", "/login/oidc/back")
    return [path for path in routes(build(space)).values() if "." not in path and not path.startswith(programs) and path not in nothing]  # fmt: skip


def look(url: str, places: dict[str, Any], trap: str) -> Tried:
    """Open every page, as the first of a few roles that may see it."""
    from playwright.sync_api import sync_playwright

    failures, left = Failures(), list(places["left"])
    chromium = os.environ.get("ALLEARS_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        return Tried("pages", 0, failures, ("every page: no chromium",))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        readers = [_reader(browser, url, role, failures) for role in ("cio", "privacy", "engineer")]
        left += [
            f"{path}: nobody may see it"
            for path in places["pages"]
            if not any(_seen(reader, url, path, trap, failures) for reader in readers)
        ]
        browser.close()
    seen = len(places["pages"]) + len(places["left"]) - len(left)
    family = f"{places['placed']:,} hostile texts in a browser, {seen} of {seen + len(left)} pages"
    return Tried(family, places["placed"] + seen, failures, tuple(left))


def _reader(browser: Any, url: str, role: str, failures: Failures) -> Any:
    page = browser.new_context().new_page()
    page.on("dialog", lambda dialog: (failures.append("a dialog opened"), dialog.dismiss()))
    page.goto(f"{url}/login")
    page.fill("input[name=name]", role)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    return page


def _seen(page: Any, url: str, path: str, trap: str, failures: Failures) -> bool:
    """Open a page and look what came of it; tells whether this reader may see it."""
    from playwright.sync_api import Error

    asked: list[str] = []
    page.on("request", note := lambda request: asked.append(request.url))
    try:
        answer = page.goto(url + path, wait_until="networkidle", timeout=60_000)
    except Error as error:
        failures.append(f"{path}: {type(error).__name__}")
        return True
    finally:
        page.remove_listener("request", note)
    if answer is not None and answer.status == 403:
        return False
    if page.evaluate(f"() => window.{MARK}") is not None:
        failures.append(f"{path}: a script ran")
    if page.evaluate(_CAME_IN):
        failures.append(f"{path}: markup came in")
    if answer is None or answer.status >= 400 or ("/login" in page.url and "/login" not in path):
        failures.append(f"{path}: not seen, answered {answer.status if answer is not None else 'nothing'}")
    away = [u for u in asked if not u.startswith((url, "data:", "blob:", url.replace("http", "ws")))]
    if away or any(trap in u.split("?")[0] for u in asked):
        failures.append(f"{path}: asked elsewhere")
    return True


def _around(space: Space, texts: list[str]) -> list[str]:
    """Put texts into organisations, breaches, a pair to decide and a restriction; gives links to a survey."""
    now = space.now()
    one, other, third = (row["customer"] for row in space.customers(limit=3))
    space.take("segment", _grouped(texts), source="shown")
    space.digest(look=False)
    for text in texts[::20]:
        breach = space.open_breach(text[:500], place=text[:100])
        space.note_breach(breach, "note", text[:500])
    why = [{"field": text[:40], "found": text[:40], "bits": 6.0} for text in texts[:10]]
    queue.offer(space.ground.desk, [{"left": one, "right": other, "bits": 4.0, "state": "waiting", "act": None, "note": texts[0], "method": "bench", "found_at": now, "why": why, "decided_at": None, "decided_by": None}])  # fmt: skip
    space.restrict(third, why=" ".join(texts[:5]))
    # What a survey asks is the company's own; a company that copies from a customer copies this.
    survey = {"name": SURVEY, "public": True, "title": {"en": texts[0]}}
    asked = [{"id": f"q{n}", "text": {"en": text}} for n, text in enumerate(_fit_to_ask(texts))]
    (space.ground.folder / "surveys").mkdir(exist_ok=True)
    (space.ground.folder / "surveys" / f"{SURVEY}.toml").write_bytes(
        msgspec.toml.encode(survey | {"questions": asked})
    )
    people = space.ground.folder / "people.csv"
    people.write_text("user_id\ns1\n", "utf-8")
    links = [row["link"] for row in space.ask(SURVEY, str(people))[1]]
    people.unlink()
    return links


def _fit_to_ask(texts: list[str]) -> list[str]:
    return [text for text in texts if text.isprintable() and 0 < len(text) < 200][:20]


def _grouped(texts: list[str]) -> bytes:
    calls = [{"type": "group", "userId": f"s{n % 40}", "groupId": t[:100], "messageId": f"g{n}", "traits": {"name": t[:200], "industry": t[:100]}} for n, t in enumerate(texts)]  # fmt: skip
    return msgspec.json.encode({"batch": calls})


def _said(number: int, text: str) -> dict[str, Any]:
    return {
        "signal_id": f"s{number}", "text": text, "channel": "chat", "name": text[:200],
        "identifiers": {"user_id": f"s{number % 40}", "handle": text[:60]}, "properties": {text[:60]: text[:200], "topic": text[:60]},
    }  # fmt: skip


def _named(texts: list[str]) -> bytes:
    return msgspec.json.encode(
        {
            "batch": [
                {"type": kind, "event": t[:200], "userId": f"s{n % 40}", "messageId": f"n{kind}{n}", "traits": {"name": t[:200], "city": t[:100]},
                 "properties": {"service": t[:100], "release": t[:100], "region": t[:100], "platform": t[:100], "partner": t[:100], "ok": n % 2 == 0, "duration_ms": 5}}
                for n, t in enumerate(texts) for kind in ("track", "identify")
            ]
        }
    )  # fmt: skip


def _issue(space: Space, number: int, text: str, ids: list[str]) -> dict[str, Any]:
    now = space.now()
    return {
        "issue": f"i{number}", "title": text[:120], "kind": "issue", "topics": [text[:60]], "facets": "{}", "terms": [text[:60]],
        "exemplars": ids[number : number + 3], "signal_ids": ids[number : number + 20], "first_signal_at": now - timedelta(days=2),
        "detected_at": now - timedelta(days=1), "signals": 20, "customers": 12, "expected": 3.0, "growth": 2.0, "score": 30.0, "factors": "{}", "method": "bench",
    }  # fmt: skip
