"""The Privacy desk in a real browser: what a request asks for is done from the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import Server, serving
from tests.web.test_pages_browser import _enter, _open
from tests.web.world import make_space

from allears.know.profile import Profiles
from allears.space import Space

pytestmark = pytest.mark.browser
WHO = "ada@example.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("privacy") / "acme"
    make_space(made)
    with Space.open(made) as space:
        for kind in ("access", "rectification", "objection"):
            space.check_asker(space.request(WHO, kind), "called back")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder, "--role", "web") as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    found, complaints = _enter(browser, server, "privacy")
    yield found
    assert complaints == []
    found.context.close()


def _row(page: Any, says: str) -> Any:
    return page.locator("tr", has_text=says).first


def test_an_export_is_made_on_the_page_and_its_passphrase_told_once(page: Any, server: Server) -> None:
    _open(page, server, "/privacy")
    _row(page, "Access").get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.locator(".q-dialog").get_by_role("button", name="Export").click()
    assert download.value.suggested_filename.endswith(".age")
    page.wait_for_selector(".secret")
    words = page.inner_text(".secret")
    page.get_by_role("button", name="I have noted it").click()
    page.wait_for_selector(".secret", state="detached")
    assert len(words) > 20 and words.encode() not in Path(download.value.path()).read_bytes()


def test_a_correction_and_an_objection_are_carried_out_on_the_page(
    page: Any, server: Server, folder: Path
) -> None:
    _open(page, server, "/privacy")
    _row(page, "Rectification").get_by_role("button", name="Correct").click()
    page.get_by_label("Right").fill("Ada King")
    page.get_by_label("Why").fill("passport shown")
    page.locator(".q-dialog").get_by_role("button", name="Correct").click()
    page.wait_for_selector("text=Corrected; recipients are told")
    # The desk is drawn anew after each act, and takes an open dialog along.
    _open(page, server, "/privacy")
    _row(page, "Objection").get_by_role("button", name="Stop these uses").click()
    page.locator(".q-dialog .q-checkbox", has_text="Marketing").click()
    page.locator(".q-dialog").get_by_role("button", name="Stop these uses").click()
    page.wait_for_selector("text=Noted; the request is closed")
    with Space.open(folder) as space:
        ground = space.ground
        known = Profiles(ground.desk, ground.vault.seal, ground.vault.open).of(space.customer(WHO).id)
        assert known["name"] == ["Ada King"]
        assert {r["kind"] for r in space.requests()} == {"rectification", "access"}
        states = {p["purpose"]: p["state"] for p in space.consent(WHO)["purposes"]}
    assert states["marketing"] == "refused" and states["analytics"] == "unknown"
