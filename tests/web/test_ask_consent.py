"""A survey's question for consent: asked of whoever has a link, answered without scripts, heard as their word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serving import serving

from allears.space import Space

SURVEY = """
name = "visit"
title = { en = "Your visit" }
public = true
[[questions]]
id = "satisfied"
scale = "csat-1-5"
text = { en = "How satisfied were you?" }
[[questions]]
id = "offers"
consent = "marketing"
text = { en = "May we write to you about offers?" }
"""
PEOPLE = ("yes", "no", "silent")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], httpx.Client]]:
    folder = tmp_path_factory.mktemp("consent") / "acme"
    people = folder.parent / "people.csv"
    people.write_text("email\n" + "".join(f"{n}@example.com\n" for n in PEOPLE), "utf-8")
    with Space.open(folder) as space:
        space.surveys.folder.mkdir()
        (space.surveys.folder / "visit.toml").write_text(SURVEY, "utf-8")
        _, rows = space.ask("visit", str(people))
        links = {r["email"].partition("@")[0]: r["link"].removeprefix(space.settings.ask.url) for r in rows}
    with (
        serving(folder, "--role", "listen") as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        yield folder, links, client


def test_a_yes_and_a_no_are_kept_and_silence_is_neither(
    asked: tuple[Path, dict[str, str], httpx.Client],
) -> None:
    folder, links, client = asked
    page = client.get(links["yes"]).text
    assert "May we write to you about offers?" in page and " checked" not in page
    assert client.post(links["yes"], data={"offers": "maybe", "satisfied": "5"}).status_code == 422
    for who, data in (("yes", {"offers": "yes"}), ("no", {"offers": "no", "satisfied": "2"}), ("silent", {"satisfied": "5"})):  # fmt: skip
        assert client.post(links[who], data=data).status_code == 200
    with Space.open(folder) as space:
        space.digest(look=False)
        found = {}
        for who in PEOPLE:
            told = space.consent(f"{who}@example.com")
            found[who] = next(p["state"] for p in told["purposes"] if p["purpose"] == "marketing")
        word = space.consent("yes@example.com")["history"][0]
    assert found == {"yes": "given", "no": "refused", "silent": "unknown"}
    assert word["version"].startswith("visit ") and word["how"] == "consent visit.offers"


def test_a_stranger_is_not_asked_and_cannot_say(asked: tuple[Path, dict[str, str], httpx.Client]) -> None:
    _, _, client = asked
    page = client.get("/ask/open/visit").text
    assert "How satisfied" in page and "offers" not in page
    visit = page.partition('name="visit" value="')[2].partition('"')[0]
    # Only what was asked counts: a form with nothing else is an empty one.
    assert client.post("/ask/open/visit", data={"visit": visit, "offers": "yes"}).status_code == 422
