"""The documentation is a test subject: examples run, options, routes, settings and tests it names exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.act.route import Conditions
from allears.cli.app import app, run
from allears.guard.access import RIGHTS
from allears.settings import Settings, describe, read_settings_text

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [p for p in PAGES if p.name not in ("reference.md", "decisions.md")]
NOT_RUN = re.compile(r"<!-- not run by the tests: [^>]{10,} -->\s*$")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
# They need a terminal, a browser, another process, a long time, or an id that only exists in the demo.
ELSEWHERE = re.compile(
    r"^allears (demo|serve|pull |pulls secret|users |keys revoke|issue |destinations (pause|resume|remove)|move |merge |part |unmerge |audit (head|prove|check) )|allears-demo|--space shop$|bench"
)

MESSAGES = """id,date,customer_email,message,stars
m1,2026-05-04T09:12:00Z,ada@example.com,"Lovely shoes, arrived early. Thank you!",5
m2,2026-05-04T10:40:00Z,bo@example.com,"My order never arrived. Call me on +44 20 7946 0958",1
m3,2026-05-05T08:03:00Z,bo@example.com,"Terrible, nobody answers!",1
m4,2026-05-05T11:30:00Z,cy@example.com,"How can I change my delivery address?",4
m5,yesterday,dee@example.com,"The app crashes when I pay.",2
"""
MAIL = """From bo@example.com Mon May  4 10:40:00 2026
From: Bo <bo@example.com>
To: help@shop.example
Subject: Parcel
Date: Mon, 04 May 2026 10:40:00 +0000
Message-ID: <1@example.com>

My parcel never came and nobody answers the telephone.

"""
UPDATE = '{"update_id": 1, "message": {"message_id": 1, "date": 1780300800, "chat": {"id": 5}, "text": "Late again"}}'
TOPICS = ("gift card", "loyalty desk")
WORDS = {"negative": "awful broken rude", "positive": "great lovely kind", "neutral": "where when which"}


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """Give each block of a language with the expected output that follows it, without those marked as not run."""
    text = page.read_text("utf-8")
    found = []
    for match in BLOCK.finditer(text):
        if match[1] != language or NOT_RUN.search(text[: match.start()]):
            continue
        following = BLOCK.match(text, match.end() + 2)
        found.append((match[2], following[2] if following and following[1] == "text" else ""))
    return found


def commands(page: Path) -> list[str]:
    lines = [line.strip() for code, _ in blocks(page, "sh") for line in code.splitlines()]
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    lines += re.findall(r"`(?:uv run )?(allears [a-z][^`]*)`", text)
    # A shell's own redirection is not the command's.
    return [line.partition(" > ")[0] for line in lines if line.startswith("allears ")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the pages speak of, a space beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "messages.csv").write_text(MESSAGES, "utf-8")
    (tmp_path / "inbox.mbox").write_text(MAIL, "utf-8")
    (tmp_path / "update.json").write_text(UPDATE, "utf-8")
    examples = [f"The {topic} is {word},{topic}" for topic in TOPICS for word in ("empty", "wrong", "closed")]
    (tmp_path / "examples.csv").write_text("text,topic\n" + "\n".join(examples) + "\n", "utf-8")
    labelled = [
        f"{word} service number {n},{label}"
        for label, said in WORDS.items()
        for word in said.split()
        for n in range(3)
    ]
    (tmp_path / "labelled.csv").write_text("text,label\n" + "\n".join(labelled) + "\n", "utf-8")
    (tmp_path / "people.csv").write_text("email,language\nada@example.com,it\nbo@example.com,\n", "utf-8")
    words = next(
        code for code, _ in blocks(ROOT / "docs" / "how-to.md", "csv") if code.startswith("email,purpose")
    )
    (tmp_path / "words.csv").write_text(words, "utf-8")
    firms = next(code for code, _ in blocks(ROOT / "docs" / "how-to.md", "csv") if code.startswith("account"))
    (tmp_path / "firms.csv").write_text(firms, "utf-8")
    yield tmp_path


@pytest.mark.parametrize("page", [p for p in WRITTEN if blocks(p, "python")], ids=lambda p: p.name)
def test_python_examples_run_and_print_what_they_say(page: Path, desk: Path) -> None:
    assert run(["new", "shop"]) == 0
    if page.name == "first-hour.md":
        assert run(["listen", "messages.csv", "--source", "helpdesk", "--yes", "--space", "shop"]) == 0
    names: dict[str, object] = {}
    for code, expected in blocks(page, "python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page.name, "exec"), names)
        if expected:
            assert printed.getvalue().strip() == expected.strip()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: p.name)
def test_commands_have_the_options_that_the_docs_give_them(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line.replace("NUMBER", "1"), comments=True)[1:]
        if len(words) > 1 or words[0] in ("status", "issues"):
            try:
                app.parse_args([*words], exit_on_error=False, print_error=False)
            except Exception as error:
                # A command group or a bare name in a sentence lacks arguments; a wrong option is never right.
                assert type(error).__name__ == "MissingArgumentError" and "--" not in line, (
                    f"{page.name}: {line}: {error}"
                )


@pytest.mark.parametrize("name", ["first-hour.md", "how-to.md"])
def test_commands_of_the_recipes_work_in_their_order(
    name: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = desk / "shop"
    lines = [line.strip() for code, _ in blocks(ROOT / "docs" / name, "sh") for line in code.splitlines()]
    if name == "how-to.md":
        assert run(["new", "shop"]) == 0
    done = 0
    for line in (one for one in lines if one.startswith("allears ") and not ELSEWHERE.search(one)):
        words = shlex.split(line, comments=True)[1:]
        if words[0] == "new":
            assert run(words) == 0
        else:
            for file in (
                "messages.csv",
                "inbox.mbox",
                "update.json",
                "examples.csv",
                "labelled.csv",
                "people.csv",
                "words.csv",
                "firms.csv",
            ):
                if not (shop / file).exists():
                    (shop / file).symlink_to(desk / file)
            monkeypatch.chdir(shop)
            assert run(words) == 0, line
            monkeypatch.chdir(desk)
        done += 1
    assert done >= 10


def test_the_data_of_the_first_hour_is_what_this_test_reads() -> None:
    assert blocks(ROOT / "docs" / "first-hour.md", "csv")[0][0] == MESSAGES


def test_toml_in_the_docs_is_valid() -> None:
    from allears.act.clocks import read_clocks
    from allears.act.playbook import read_playbook
    from allears.act.route import read_rules
    from allears.act.survey import read_survey
    from allears.guard.purpose import PURPOSES, read_purposes
    from allears.guard.retain import read_retention
    from allears.guard.sight import read_sights
    from allears.guard.stated import read_stated
    from allears.know.segment import read_segment
    from allears.listen.mapping import read_mapping
    from allears.listen.platform import read_platform
    from allears.listen.pull.recipe import read_recipe
    from allears.listen.vendor import read_vendor
    from allears.measure.objectives import read_objectives

    sections = set(Settings.__struct_fields__)
    seen = 0
    for page in WRITTEN:
        for text, _ in blocks(page, "toml"):
            tables = set(re.findall(r"^\[{1,2}(\w+)\]", text, re.M))
            if tables and tables <= sections:
                read_settings_text(text)
            elif tables and tables <= set(PURPOSES):
                read_purposes(text)
            elif "keep" in tables:
                read_retention(text)
            elif "[[questions]]" in text:
                read_survey(text)
            elif text.startswith("says = "):
                read_recipe(text, page.name)
            elif "where" in tables:
                read_segment(text)
            elif "when" in tables:
                read_playbook(text)
            elif "[[signature]]" in text:
                read_vendor(text)
            elif "controller" in tables:
                read_stated(text)
            elif text.startswith("# access.toml"):
                read_sights(text)
            elif "turns = " in text:
                read_platform(text)
            elif "[[rule]]" in text:
                read_rules(text)
            elif "[[objective]]" in text or "[sources." in text:
                read_objectives(text)
            elif "[P1]" in text:
                read_clocks(text)
            else:
                read_mapping(text)
            seen += 1
    assert seen >= 3


def test_routes_named_in_the_docs_exist(desk: Path) -> None:
    from allears.space import Space
    from allears.web.api import api
    from allears.web.app import build

    with Space.open(desk / "shop") as space:
        routes = [*build(space, parts=frozenset({"listen"})).router.routes, *api(space).routes]
        known = {getattr(route, "path", "") for route in routes}
    for page in PAGES:
        for method, path in re.findall(r"`(GET|POST) (/[\w/{}.-]*)`", page.read_text("utf-8")):
            assert path in known, f"{page.name} names {method} {path}"


def headings(page: Path) -> set[str]:
    """Give the places of a page that a link may name, as GitHub spells them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", sorted({*PAGES, *ROOT.glob("*.md")}), ids=lambda p: p.name)
def test_links_within_the_docs_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text("utf-8")):
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not place or place in headings(target), link


def test_settings_and_roles_named_in_the_docs_exist() -> None:
    settings = {row["name"] for row in describe()} | set(Conditions.__struct_fields__)
    text = "\n".join(p.read_text("utf-8") for p in WRITTEN)
    for name in re.findall(r"`((?:min|max|false|dedup|batch|segment|pending|memory)_\w+)`", text):
        assert name in settings, name
    how = (ROOT / "docs" / "how-to.md").read_text("utf-8")
    assert {role.value for role in RIGHTS} <= set(re.findall(r"^\| (\w+) \|", how, re.M))


def test_the_glossary_holds_the_words_of_the_tables() -> None:
    from allears.tables.signals import CHANNELS, KINDS

    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    missing = [word for word in (*CHANNELS, *KINDS) if word not in glossary]
    assert not missing


def test_the_readme_is_short_and_shows_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert 350 <= len(text.split()) <= 950
    assert "pip install uv && uv run allears demo\n" in text
    assert "pip install uv && uv run pytest\n" in text
