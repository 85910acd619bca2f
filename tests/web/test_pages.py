"""The pages over HTTP: who may open which, what a partner sees, and that no text becomes markup."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.serving import Server, serving
from tests.web.world import PASSWORD, ROLES, make_space


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pages") / "acme"
    make_space(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLEARS_TEST_LOUD", "1")
        with serving(folder, "--role", "web") as running:
            yield running


@pytest.fixture(scope="module")
def readers(server: Server) -> Iterator[dict[str, httpx.Client]]:
    clients = {role: _logged_in(server, role) for role in ROLES}
    yield clients
    for client in clients.values():
        client.close()


def _logged_in(server: Server, role: str) -> httpx.Client:
    client = httpx.Client(base_url=server.url, timeout=60)
    answer = client.post("/login", data={"name": role, "password": PASSWORD, "next": "/issues"})
    assert answer.status_code == 303 and answer.headers["location"] == "/issues"
    return client


def test_a_page_that_is_not_allowed_says_which_right_is_missing(readers: dict[str, httpx.Client]) -> None:
    answer = readers["engineer"].get("/cases")
    assert answer.status_code == 403
    assert "engineer may not see cases" in answer.text


def test_a_partner_is_shown_its_own_issue_only(readers: dict[str, httpx.Client]) -> None:
    # What takes longer than a page waits for is drawn later; asked again, it is known.
    texts = [readers["partner"].get("/issues").text]
    while "i-own" not in texts[-1] and len(texts) < 120:
        time.sleep(0.5)
        texts.append(readers["partner"].get("/issues").text)
    assert "i-own" in texts[-1] and not any("i-other" in text for text in texts)
    assert readers["partner"].get("/issues/i-other").status_code == 404


def test_an_issue_that_is_not_there_is_not_found(readers: dict[str, httpx.Client]) -> None:
    assert readers["cio"].get("/issues/none").status_code == 404


@pytest.mark.parametrize("path", ["/issues", "/issues/i-own", "/cases", "/"])
def test_text_of_customers_never_becomes_markup(readers: dict[str, httpx.Client], path: str) -> None:
    text = readers["agent"].get(path).text
    assert "<script>window.hurt" not in text
    assert "<img src=x" not in text


def test_pages_load_nothing_from_elsewhere(readers: dict[str, httpx.Client], server: Server) -> None:
    text = readers["cio"].get("/").text
    addresses = set(re.findall(r"(?:src|href)=\"(https?://[^\"]+)", text)) | set(
        re.findall(r"url\(\"?(https?://[^\")]+)", text)
    )
    assert {a for a in addresses if not a.startswith(server.url)} == set()


def test_a_wrong_password_is_refused_and_tells_nothing(server: Server) -> None:
    answers = [
        httpx.post(server.url + "/login", data={"name": name, "password": "wrong password"}, timeout=60)
        for name in ("cio", "nobody")
    ]
    assert [a.status_code for a in answers] == [403, 403]
    assert answers[0].text == answers[1].text


def test_the_form_of_another_site_logs_nobody_in(server: Server) -> None:
    form = {"name": "cio", "password": PASSWORD}
    answer = httpx.post(
        server.url + "/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}, timeout=60
    )
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_logging_in_leads_nowhere_else(server: Server, target: str) -> None:
    answer = httpx.post(
        server.url + "/login", data={"name": "cio", "password": PASSWORD, "next": target}, timeout=60
    )
    assert answer.headers["location"] == "/"


def test_logging_out_ends_the_session(server: Server) -> None:
    client = _logged_in(server, "analyst")
    kept = dict(client.cookies)
    assert client.post("/logout").headers["location"] == "/login"
    assert httpx.get(server.url + "/issues", cookies=kept, timeout=60).status_code == 303
    client.close()


def test_the_first_sentence_of_channels_names_a_source_all_of_whose_rows_were_refused() -> None:
    from allears.web.pages.channels import said

    row = {"source": "loft", "state": "refused", "week": None, "objectives": []}
    assert said([row]).startswith("All that loft sent was refused; no source is judged yet")
    both = said([row, row | {"source": "chat", "state": "silent"}])
    assert both.startswith(
        "Nothing arrives from chat; all that loft sent was refused; no source is judged yet"
    )


def test_the_first_sentence_of_channels_counts_only_sources_that_are_judged() -> None:
    from allears.web.pages.channels import said

    met = {"standing": "meets it", "n": 100}
    live = {"source": "till", "state": "heard", "week": {"unusual": True}, "objectives": [met]}
    past = {"source": "old", "state": "past only", "week": None, "objectives": [met | {"n": 0}]}
    told = said([live, past])
    assert told.endswith("; 1 of 1 brings an unusual volume this week; none of 1 surely missed an objective.")
    assert said([past]) == "No source is judged yet: that takes two weeks of live arrivals."
