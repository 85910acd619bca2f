"""The brief is one document that fetches nothing, runs nothing, and lets no text become markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from allears.show import write_brief

END = datetime(2026, 9, 1, tzinfo=UTC)
ATTACK = '<script>alert(1)</script><img src=x onerror=alert(1)> & "quoted" \''
VOID = {"meta", "br", "img", "link", "input", "hr"}


def measured(name: str, group: str, back: int, estimate: float, part: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "group": group,
        "part": part,
        "time": END - timedelta(weeks=back),
        "estimate": estimate,
        "low": estimate - 4,
        "high": estimate + 4,
        "n": 300,
        "cutoff": END,
    }


def told(**more: Any) -> dict[str, Any]:
    week = {
        "signals": 900,
        "messages": 500,
        "customers": 300,
        "unhappy": {"estimate": 31.0, "low": 28.0, "high": 34.0, "n": 480},
    }
    quiet: dict[str, Any] = {
        "name": "Acme", "start": END - timedelta(days=7), "end": END, "past": False, "new_issues": 0, "weeks": {"week": week, "before": week, "hit": 0}, "issues": [],
        "more_issues": 0, "titles": {}, "opportunities": [], "cases": [], "settled": 0, "volumes": [], "trust": [], "drivers": [],
        "experience": [], "services": [], "verdicts": [], "forecast": [], "topics": [],
    }  # fmt: skip
    return quiet | more


def full(text: str) -> dict[str, Any]:
    said = {"text": text, "channel": "chat", "occurred_at": END - timedelta(days=1)}
    issue = {
        "id": "i1", "title": text, "kind": "issue", "signals": 260, "customers": 212, "expected": 40.0, "state": "open", "department": text,
        "first_signal_at": END - timedelta(days=2), "detected_at": END - timedelta(days=1), "facets": {"region": text}, "examples": [said], "voices": [said],
    }  # fmt: skip
    case = {
        "title": text,
        "department": text,
        "priority": "P1",
        "state": "open",
        "overdue": True,
        "resolve_by": END - timedelta(hours=5),
    }
    service = {
        "service": text,
        "objective": text,
        "estimate": 98.0,
        "low": 97.0,
        "high": 99.0,
        "n": 900,
        "target": 98.5,
        "burns": [{}],
        "hit": 4,
    }
    hours = [
        {"time": END + timedelta(hours=h), "low": 1.0, "mid": 3.0, "high": 6.0, "method": text}
        for h in range(48)
    ]
    return told(
        name=text, issues=[issue], titles={"i1": text}, opportunities=[issue], cases=[case], services=[service], forecast=hours,
        verdicts=[{"issue": "i1", "part": "both", "said": "cannot tell", "why": text}],
        volumes=[{"time": END - timedelta(days=d), "group": text, "signals": 5} for d in range(5)],
        trust=[measured("trust", "all", back, 50 + back, "composite") for back in range(1, 6)],
        drivers=[measured("driver", f"topic={text}", 1, -20.0, "stated")],
        experience=[measured("nps", "all", back, 10.0) for back in (1, 2)],
        topics=[{"label": text, "this_week": 5, "week_before": 2, "customers": 4}],
    )  # fmt: skip


class Reader(HTMLParser):
    """Checks that tags match, and notes what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def hostile() -> str:
    return write_brief(full(ATTACK))


def test_every_tag_is_closed_in_a_quiet_week_and_in_a_full_one(hostile: str) -> None:
    read(write_brief(told()))
    read(hostile)


def test_nothing_runs_and_nothing_is_fetched(hostile: str) -> None:
    reader = read(hostile)
    assert not reader.seen & {"script", "iframe", "object", "embed", "link", "img", "form"}
    assert not {name for name in reader.attributes if name.startswith("on")}
    assert reader.links == []
    assert not re.search(r"url\(\s*['\"]?(?!#)", hostile)
    assert "@import" not in hostile


def test_text_of_customers_is_shown_as_text(hostile: str) -> None:
    assert "<script" not in hostile and "<img" not in hostile
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile


def test_every_chart_tells_its_interval_or_that_it_counts(hostile: str) -> None:
    captions = re.findall(r"<figcaption>.*?</figcaption><div class=\"note\">(.*?)</div>", hostile, re.S)
    assert len(captions) == hostile.count("<svg")
    assert all("interval" in c or "counted" in c for c in captions)


def test_the_brief_says_what_it_can_not_tell() -> None:
    html = write_brief(told())
    assert "What we can not tell" in html
    assert "Whether trust moved this week" in html


def test_a_late_case_and_an_unsettled_fix_are_named(hostile: str) -> None:
    assert "1 case is open, 1 late" in hostile
    assert "brought trust back" in hostile


def test_the_same_week_gives_the_same_brief() -> None:
    assert write_brief(full("a")) == write_brief(full("a"))


def test_of_a_past_week_nothing_of_today_is_told(hostile: str) -> None:
    past = write_brief(full("x") | {"past": True, "services": [], "forecast": [], "verdicts": []})
    assert "The week ahead" in hostile and "The week ahead" not in past
    assert "hit by what is open" not in past
    assert "measured as of today" in past
