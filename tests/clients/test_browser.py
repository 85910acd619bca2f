"""analytics.js in a real browser, on a page of another origin."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.clients import node
from tests.clients.conftest import Read

pytestmark = pytest.mark.browser
PAGE = """<!doctype html><title>Shop</title><script src="/dist/umd/index.js"></script>"""
CALLS = """async ([url, key]) => {
  const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnURL: url })
  await analytics.identify('u1', { plan: 'gold' })
  await analytics.track('Paid', { total: 5 })
  await analytics.page('Prices')
  await analytics.screen('Basket')
  await analytics.group('g1')
  const done = await analytics.alias('u2')
  return done.failedDelivery() ?? null
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    """A web shop of its own origin that has analytics.js in its page."""
    folder = node.install() / "node_modules/@segment/analytics-next"
    (folder / "shop.html").write_text(PAGE, "utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/shop.html"
    server.shutdown()
    server.server_close()


def test_each_call_of_analytics_js_arrives(
    shop: str, url: str, write_key: Callable[[str], str], read: Read
) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = os.environ.get("ALLEARS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine (set ALLEARS_CHROMIUM)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda e: complaints.append(e.text) if e.type == "error" else None)
        page.goto(shop)
        assert page.evaluate(CALLS, [url, write_key("page")]) is None
        browser.close()
    assert [c for c in complaints if "favicon" not in c and "404" not in c] == []
    rows = read("page")
    assert {r["name"] for r in rows} == {"identify", "Paid", "Prices", "Basket", "group", "alias"}
    assert {r["channel"] for r in rows} <= {"web", "app"}
