"""Hostile text where a page shows text, and every page opened in a real browser: nothing may run, nor come in as markup."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.web.routed import routes

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.errors import AllearsError
from allears.space import Space
from allears.tables import TABLES
from allears.web.app import build
from bench.attack import Bounded
from bench.hostile import MARK

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
    pages = [path for path in routes(build(space)).values() if "{" not in path and "." not in path and not path.startswith(("/api", "/_", "/v1", "/health", "/metrics", "/assets", "/ask", "/logout", "/signals", "/login"))]  # fmt: skip
    pages += [f"/issues/{issue['id']}" for issue in space.issues()[:10]]
    pages += [f"/customers/{row['customer']}" for row in space.customers(limit=10)]
    pages += [
        f"/explore?by={by}"
        for by in ("topic", "channel", "service", "release", "region", "platform", "partner")
    ]
    return {"placed": placed, "pages": list(dict.fromkeys(pages))}


def look(url: str, places: dict[str, Any], trap: str, seconds: float) -> tuple[str, int, list[str]]:
    """Open every page as the CIO; gives family, cases and failures."""
    from playwright.sync_api import Error, sync_playwright

    failures: list[str] = []
    chromium = os.environ.get("ALLEARS_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        return "pages: skipped, no chromium", 0, []
    pages = Bounded(places["pages"], seconds)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (failures.append("a dialog opened"), dialog.dismiss()))
        page.goto(f"{url}/login")
        page.fill("input[name=name]", "cio")
        page.fill("input[name=password]", "a word of the bench")
        page.press("input[name=password]", "Enter")
        page.wait_for_load_state("networkidle")
        for path in pages:
            asked.clear()
            try:
                page.goto(url + path, wait_until="networkidle", timeout=60_000)
            except Error as error:
                failures.append(f"{path}: {type(error).__name__}")
                continue
            if page.evaluate(f"() => window.{MARK}") is not None:
                failures.append(f"{path}: a script ran")
            if page.evaluate(_CAME_IN):
                failures.append(f"{path}: markup came in")
            if "/login" in page.url:
                failures.append(f"{path}: not seen, asked to log in")
            away = [u for u in asked if not u.startswith((url, "data:", "blob:", url.replace("http", "ws")))]
            if away or any(trap in u.split("?")[0] for u in asked):
                failures.append(f"{path}: asked elsewhere")
        browser.close()
    return f"{places['placed']:,} hostile texts in a browser, {pages.of('pages')}", places["placed"], failures


def _said(number: int, text: str) -> dict[str, Any]:
    return {
        "signal_id": f"s{number}", "text": text, "channel": "chat", "name": text[:200],
        "identifiers": {"user_id": f"s{number % 40}", "handle": text[:60]}, "properties": {text[:60]: text[:200], "topic": text[:60]},
    }  # fmt: skip


def _named(texts: list[str]) -> bytes:
    import msgspec

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
