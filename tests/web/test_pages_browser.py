"""The pages in a real browser: they draw, complain of nothing, fit a phone, and do what their buttons say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.serving import Server, serving
from tests.web.world import PASSWORD, make_space

pytestmark = pytest.mark.browser

PATHS = (
    "/",
    "/issues",
    "/issues/i-own",
    "/issues/i-quiet",
    "/cases",
    "/cases/playbooks",
    "/customers",
    "/customers/accounts",
    "/trust",
    "/trust/surveys",
    "/services",
    "/channels",
    "/channels/refused",
    "/explore",
    "/keys",
    "/account",
)
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("browser") / "acme"
    make_space(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLEARS_TEST_LOUD", "1")
        with serving(folder, "--role", "web") as running:
            yield running


def _enter(
    browser: Any, server: Server, role: str, size: dict[str, int] = DESK, **more: Any
) -> tuple[Any, list[str]]:
    page = browser.new_context(viewport=size, **more).new_page()
    complaints: list[str] = []
    page.on("console", lambda e: complaints.append(e.text) if e.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto(server.url + "/login")
    page.fill("[name=name]", role)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("main")
    return page, complaints


def _open(page: Any, server: Server, path: str) -> None:
    page.goto(server.url + path)
    page.wait_for_selector("main")
    page.wait_for_function("!document.querySelector('.skeleton')", timeout=60_000)


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_every_page_draws_without_complaint_and_fits(
    browser: Any, server: Server, size: dict[str, int], scheme: str
) -> None:
    page, complaints = _enter(browser, server, "cio", size, color_scheme=scheme)
    for path in PATHS:
        _open(page, server, path)
        assert len(page.inner_text("main")) > 40, path
        assert complaints == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        assert page.evaluate("window.hurt") is None, path
        assert ("body--dark" in page.evaluate("document.body.className")) == (scheme == "dark")
    page.context.close()


def test_a_silence_speaks_of_its_source_and_not_of_signals_it_has_none_of(
    browser: Any, server: Server
) -> None:
    page, complaints = _enter(browser, server, "cio")
    _open(page, server, "/issues/i-quiet")
    text = page.inner_text("main")
    assert "No signal where 12 were expected. Last heard" in text and "What went silent" in text
    for absent in ("First signal", "first signal", "What they say", "no longer kept", "can be looked up"):
        assert absent not in text, absent
    assert complaints == []
    page.context.close()


def test_a_case_moves_when_its_button_is_pressed(browser: Any, server: Server) -> None:
    page, complaints = _enter(browser, server, "agent")
    _open(page, server, "/cases")
    before = page.inner_text(".lanes section:nth-child(2) h2")
    page.locator("text=Take it on").first.click()
    page.wait_for_function(
        "old => document.querySelector('.lanes section:nth-child(2) h2').innerText !== old", arg=before
    )
    assert complaints == []
    page.context.close()


def test_those_who_only_look_get_no_buttons(browser: Any, server: Server) -> None:
    page, _ = _enter(browser, server, "analyst")
    _open(page, server, "/issues/i-own")
    assert page.locator("main .button").count() == 0
    page.context.close()


def test_an_original_is_shown_only_after_a_reason(browser: Any, server: Server) -> None:
    page, _ = _enter(browser, server, "agent")
    _open(page, server, "/customers")
    page.fill("[type=search]", "u1")
    page.keyboard.press("Enter")
    page.locator("text=Show original").first.click()
    page.locator(".q-dialog input").fill("complaint 12")
    assert page.locator(".original").count() == 0
    page.locator(".q-dialog .button.main").click()
    page.wait_for_selector(".original")
    assert "late again" in page.inner_text(".original") or "never came" in page.inner_text(".original")
    page.context.close()


def test_colours_stay_as_chosen(browser: Any, server: Server) -> None:
    page, _ = _enter(browser, server, "cio")
    _open(page, server, "/issues")
    page.click(".theme")
    page.click(".theme")
    _open(page, server, "/cases")
    assert page.inner_text(".theme") == "Dark"
    assert "body--dark" in page.evaluate("document.body.className")
    page.context.close()


def test_a_yes_to_a_playbook_settles_all_of_one_decision(browser: Any, server: Server) -> None:
    page, complaints = _enter(browser, server, "agent")
    _open(page, server, "/cases")
    page.locator("text=Playbooks propose to contact 2 customers").click()
    page.locator("main .button.main").click()
    page.wait_for_selector("main .chip.good >> text=approved")
    assert page.locator("main .button.main").count() == 0
    assert complaints == []
    page.context.close()


def test_two_customers_are_joined_and_taken_apart_on_the_page(browser: Any, server: Server) -> None:
    page, _ = _enter(browser, server, "agent")
    _open(page, server, "/customers")
    page.fill("[type=search]", "ada@example.com")
    page.keyboard.press("Enter")
    page.locator("summary >> text=The same person as").click()
    form = page.locator("details form", has_text="Join")
    fields = form.locator("input")
    fields.nth(0).fill("u3")
    fields.nth(1).fill("she wrote from both")
    form.locator(".button.main").click()
    page.locator("summary >> text=by hand").click()
    with page.expect_navigation():
        page.locator("text=Take back").click()
    # The page loads anew with the list closed: what it says is there, not yet to be seen.
    page.locator("span.note >> text=taken back").wait_for(state="attached")
    page.locator("summary >> text=by hand").click()
    fields.nth(0).fill("ada@example.com")  # joined, the two were shown as the older one, u3
    fields.nth(1).fill("two sisters")
    with page.expect_navigation():
        form.locator("text=keep apart").click()
    page.locator("span >> text=two sisters").wait_for(state="attached")
    _open(page, server, "/customers/links?state=refused")
    page.wait_for_selector("h2 >> text=Kept apart: 1")
    page.wait_for_selector("td >> text=two sisters")
    page.locator("text=Take back").click()
    page.wait_for_selector("text=Nobody is kept apart.")
    page.context.close()


def test_what_a_customer_withdraws_is_noted_on_their_page_and_shown_at_the_privacy_desk(
    browser: Any, server: Server
) -> None:
    page, complaints = _enter(browser, server, "agent", PHONE)
    _open(page, server, "/customers")
    page.fill("[type=search]", "ada@example.com")
    page.keyboard.press("Enter")
    page.locator("summary >> text=Consent: nothing said yet").click()
    form = page.locator("details form", has_text="Note it")
    form.locator("select").first.select_option("research")
    form.locator("input").first.fill("on the phone, case 1234")
    form.locator(".button.main").click()
    page.wait_for_selector("summary >> text=Consent: withdrew research")
    assert not complaints and page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    officer, _ = _enter(browser, server, "privacy")
    _open(officer, server, "/privacy")
    officer.wait_for_selector("td >> text=without those who objected")
    page.context.close()
    officer.context.close()


def test_a_line_of_refused_rows_is_opened_paged_and_looked_into_with_a_reason(
    browser: Any, server: Server
) -> None:
    page, complaints = _enter(browser, server, "privacy")
    _open(page, server, "/channels/refused?source=till")
    assert page.locator("main section.card").count() == 1, "thirty rows of one mistake are one line"
    page.locator("summary").click()
    page.wait_for_selector("text=Show earlier rows")
    page.locator("text=Show earlier rows").click()
    page.wait_for_function("document.querySelectorAll('.refused').length === 30")
    page.locator(".refused .button").first.click()
    page.locator(".q-dialog input").fill("complaint 12")
    assert page.locator("pre.original").count() == 0
    page.locator(".q-dialog .button.main").click()
    page.wait_for_selector("pre.original")
    assert "99" in page.inner_text("pre.original")
    assert page.locator("main >> text=Try again").count() == 0, "that is for engineers"
    assert complaints == []
    page.context.close()


def test_an_engineer_tries_refused_rows_again_and_is_told_what_came_of_it(
    browser: Any, server: Server
) -> None:
    page, complaints = _enter(browser, server, "engineer")
    _open(page, server, "/channels/refused")
    page.locator("main .button >> text=Try again").first.click()
    page.wait_for_selector("text=0 accepted after all, 30 still refused")
    assert page.locator("text=Look at it").count() == 0
    assert complaints == []
    page.context.close()


def test_a_key_made_on_the_page_is_shown_once_and_can_be_ended(browser: Any, server: Server) -> None:
    page, complaints = _enter(browser, server, "engineer")
    _open(page, server, "/keys")
    page.fill(".fields input >> nth=0", "nightly")
    page.click("text=Make it")
    key = page.inner_text("pre.original")
    assert key.startswith("ae_") and "nightly" in page.inner_text("table")
    _open(page, server, "/keys")
    assert key not in page.content()
    page.click("tr:has-text('nightly') button")
    page.click("text=End it")
    page.wait_for_selector("tr:has-text('nightly') >> text=/^ended/")
    assert complaints == []
    page.context.close()


def test_one_ends_ones_log_ins_elsewhere_and_stays_in_here(browser: Any, server: Server) -> None:
    here, complaints = _enter(browser, server, "privacy")
    there, _ = _enter(browser, server, "privacy")
    _open(here, server, "/account")
    assert " places" in here.inner_text("main")  # two, and those of tests before
    here.click("text=End all others")
    here.wait_for_selector("text=1 place")
    there.goto(server.url + "/account")
    assert "/login" in there.url
    assert complaints == []
    here.context.close()
    there.context.close()


def test_the_privacy_desk_notes_checks_and_erases_and_fits_a_phone(browser: Any, server: Server) -> None:
    page, complaints = _enter(browser, server, "privacy", PHONE)
    _open(page, server, "/privacy")
    page.click("text=Note a new request")
    page.get_by_label("Whose").fill("u11")
    page.get_by_label("What is asked").select_option("erasure")
    page.click("button:has-text('Note it')")
    page.wait_for_selector("text=1 request is open")
    assert page.url == server.url + "/privacy" and page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth"
    )
    for press, said in (("Note identity check", "passport seen"), ("Erase", "asked by letter")):
        page.click(f"td button:has-text('{press}')")
        page.locator(".q-dialog input").fill(said)
        page.click(f".q-dialog button:has-text('{press}')")
        page.wait_for_selector(".q-dialog", state="detached")
    page.wait_for_selector("text=0 requests are open")
    page.click("text=Answered lately: 1")
    assert "1 receipt was given" in page.inner_text("main") and "erased" in page.inner_text("details table")
    assert complaints == []
    page.context.close()


def test_a_steward_sees_what_follows_then_decides_by_keyboard_and_takes_it_back(
    browser: Any, server: Server
) -> None:
    page, complaints = _enter(browser, server, "agent")
    _open(page, server, "/customers")
    page.locator("text=pairs of customers are probably one person").click()
    page.locator("text=Pair 1").first.click()
    page.wait_for_selector("text=Your decision")
    page.wait_for_selector(r"text=/Accepted, they are one customer with \d+ signals/")
    assert "birthday the same" in page.inner_text("main").lower()
    assert page.locator("figure svg").count() == 1
    page.get_by_label("Why; kept in the audit").focus()
    page.keyboard.type("same voice on the phone")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "One person: join them"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=They are one customer today")
    page.get_by_label("Why; kept in the audit").fill("it was her sister")
    page.locator("text=Two people: part them again").click()
    page.wait_for_selector("text=They are kept apart: a person said that these are two")
    page.locator("text=Take it back").click()
    page.wait_for_selector("text=One person: join them")
    assert complaints == []
    page.context.close()


def test_what_a_pair_told_is_shown_only_after_a_reason(browser: Any, server: Server) -> None:
    page, complaints = _enter(browser, server, "agent", PHONE, color_scheme="dark")
    _open(page, server, "/customers/links/2")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert "•••" in page.inner_text("main") and "ada@example.com" not in page.inner_text("main")
    page.locator("text=Show what they told").click()
    page.locator(".q-dialog input").fill("complaint 12")
    page.locator(".q-dialog .button.main").click()
    page.wait_for_function("document.querySelector('main').innerText.includes('ada@example.com')")
    assert complaints == []
    page.context.close()


# What is mended waits for a digest, which this server does not run; erasing waits for it as well, so this comes last.
def test_an_engineer_mends_a_mapping_on_the_page_and_its_rows_are_tried_again(
    browser: Any, server: Server
) -> None:
    page, complaints = _enter(browser, server, "engineer", PHONE)
    _open(page, server, "/channels/refused?source=forum")
    page.locator("summary >> text=How rows of forum are read").click()
    field = page.locator("[aria-label='Mapping, as TOML']")
    right = field.input_value()
    field.fill("text = ")
    page.locator("text=Keep it, and try all again").click()
    page.wait_for_selector(".q-notification >> text=at mapping")
    field.fill(right.replace('"by"', '"at"'))
    page.locator("text=Keep it, and try all again").click()
    page.wait_for_selector("text=1 accepted after all, 0 still refused")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    page.context.close()
