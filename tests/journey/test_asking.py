"""Asking: from the invitation to the answer, who is left in peace, and what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from allears.act import issue as issue_desk
from allears.act.case import open_case
from allears.act.clocks import Clocks
from allears.clock import SetClock
from allears.desk.asking import Invitation
from allears.errors import NotFound, Refused
from allears.listen.answers import Answer
from allears.space import Space
from allears.tables import TABLES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NINE = Answer("recommend", "nps-0-10", 9)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        rows = [
            {
                "signal_id": f"m{n}", "text": f"Where is my parcel number {n}?", "channel": "chat" if n % 2 else "email", "region": "north",
                "occurred_at": (NOW - timedelta(days=2)).isoformat(), "identifiers": {"email": f"p{n}@example.com"},
            }
            for n in range(6)
        ]  # fmt: skip
        opened.hear(rows, source="desk")
        opened.digest(look=False)
        yield opened


def _people(tmp_path: Path, *names: str) -> str:
    path = tmp_path / "people.csv"
    path.write_text("email\n" + "".join(f"{name}@example.com\n" for name in names), "utf-8")
    return str(path)


def _answer(space: Space, link: str, *answers: Answer) -> None:
    opened = space.answering.open(link.rpartition("/")[2])
    space.answering.answer(opened, answers, language="en", by="link").result()
    space.answering.settle(opened)


def _later(space: Space, days: float) -> None:
    clock = space.ground.clock
    assert isinstance(clock, SetClock)
    clock.set(clock.now() + timedelta(days=days))


def test_an_answer_belongs_to_the_customer_who_was_asked(space: Space, tmp_path: Path) -> None:
    told, links = space.ask("nps", _people(tmp_path, "p1", "stranger"))
    assert told["invited"] == 2
    for row in links:
        _answer(space, row["link"], NINE)
    space.digest(look=False)
    for mail in ("p1@example.com", "stranger@example.com"):
        names = [r["name"] for r in space.customer(mail).timeline().to_pylist()]
        assert "nps.recommend" in names and "Survey invitation" in names


def test_a_segment_is_asked_without_knowing_an_address(space: Space) -> None:
    told, links = space.ask("nps", "channel=chat,days=30")
    assert told["invited"] == 3
    _answer(space, links[0]["link"], NINE)
    space.digest(look=False)
    names = [r["name"] for r in space.customer(links[0]["customer"]).timeline().to_pylist()]
    assert "nps.recommend" in names
    assert len(space.customers()) == 6


def test_a_link_holds_no_word_about_the_person(space: Space, tmp_path: Path) -> None:
    _, [row] = space.ask("nps", _people(tmp_path, "p1"))
    tail = row["link"].removeprefix(space.settings.ask.url)
    assert "p1" not in tail and "nps" not in tail and len(tail) == len("/ask/") + 44


def test_a_rehearsal_decides_the_same_and_writes_nothing(space: Space) -> None:
    rehearsed, none = space.ask("nps", "days=30", dry_run=True)
    assert none == [] and space.surveys.rates() == []
    told, _ = space.ask("nps", "days=30")
    assert (told["invited"], told["held"]) == (rehearsed["invited"], rehearsed["held"]) == (6, 0)


def test_nobody_is_asked_again_within_the_time_by_any_survey_nor_by_another_identifier(
    space: Space, tmp_path: Path
) -> None:
    space.ask("nps", _people(tmp_path, "p1", "stranger"))
    space.hear(
        [{"text": "hello", "identifiers": {"email": "p1@example.com", "user_id": "u1"}}], source="desk"
    )
    space.digest(look=False)
    _later(space, 20)
    path = tmp_path / "ids.csv"
    path.write_text("user_id\nu1\n", "utf-8")
    for to in (_people(tmp_path, "p1", "stranger"), str(path)):
        told, links = space.ask("ces", to)
        assert links == [] and told["reasons"] == {"asked within the last 60 days": told["candidates"]}
    _later(space, 41)
    told, _ = space.ask("ces", str(path))
    assert told["invited"] == 1


def test_somebody_asked_a_moment_ago_is_left_in_peace_before_anything_is_digested(
    space: Space, tmp_path: Path
) -> None:
    space.ask("nps", _people(tmp_path, "stranger"))
    told, _ = space.ask("ces", _people(tmp_path, "stranger"))
    assert told["reasons"] == {"asked within the last 60 days": 1}


def test_nobody_is_asked_during_an_open_complaint(space: Space) -> None:
    customer = space.customer("p1@example.com").id
    with space.ground.desk.session() as session:
        open_case(
            session, "k1", "service", "P2", "call back", Clocks.default(), NOW,
            issue=None, customer=customer, score=0.0, why="test", actor="test",
        )  # fmt: skip
    told, _ = space.ask("nps", "days=30")
    assert told["invited"] == 5 and told["reasons"] == {"has an open complaint": 1}


def test_a_link_works_once_and_a_second_answer_never_counts(space: Space, tmp_path: Path) -> None:
    _, [row] = space.ask("nps", _people(tmp_path, "p1"))
    token = row["link"].rpartition("/")[2]
    opened = space.answering.open(token)
    # Two answers at the same moment, both accepted by the inbox: one counts.
    for choice in (9, 2):
        space.answering.answer(
            opened, [Answer("recommend", "nps-0-10", choice)], language="en", by="link"
        ).result()
    space.answering.settle(opened)
    assert space.answering.open(token).state == "answered"
    space.digest(look=False)
    counted = space.sql("SELECT rating FROM signals WHERE name = 'nps.recommend'")["rating"].to_pylist()
    assert counted == [0.9]


def test_a_link_ends(space: Space, tmp_path: Path) -> None:
    _, [row] = space.ask("nps", _people(tmp_path, "p1"))
    _later(space, 14)
    assert space.answering.open(row["link"].rpartition("/")[2]).state == "ended"


def test_the_links_of_somebody_forgotten_lead_nowhere(space: Space, tmp_path: Path) -> None:
    _, [row] = space.ask("nps", _people(tmp_path, "p1"))
    space.digest(look=False)
    receipt = space.erase("p1@example.com")
    assert receipt.removed["invitations"] == 1
    with pytest.raises(NotFound):
        space.answering.open(row["link"].rpartition("/")[2])


def test_response_rates_by_stratum_carry_their_interval(space: Space) -> None:
    _, links = space.ask("nps", "days=30")
    chat = {r["customer"] for r in links if space.customer(r["customer"]).overview()}
    assert len(chat) == 6
    _answer(space, links[0]["link"], NINE)
    [whole] = space.surveys.rates("nps")
    assert (whole["invited"], whole["answered"], whole["open"], whole["n"]) == (6, 1, 5, 6)
    assert whole["low"] < 1 / 6 < whole["high"]
    groups = {r["group"]: r["n"] for r in space.surveys.rates("nps", "channel")}
    assert groups == {"channel=chat": 3, "channel=email": 3}


def _fix_an_issue(space: Space) -> None:
    """Six customers wrote about an issue; it is marked fixed while the playbook is on that asks them again."""
    folder = space.ground.folder / "playbooks"
    folder.mkdir()
    shipped = Path("src/allears/act/playbooks/ask-again-after-fix.toml").read_text("utf-8")
    (folder / "ask-again-after-fix.toml").write_text(
        shipped.replace("holdout = 0.2", "holdout = 0").replace("min_customers = 10", "min_customers = 2"),
        "utf-8",
    )
    row = {
        "issue": "i1", "title": "late parcels", "kind": "issue", "topics": [], "facets": "{}", "terms": [], "exemplars": [],
        "signal_ids": [f"desk:m{n}" for n in range(6)], "first_signal_at": NOW - timedelta(days=2), "detected_at": NOW - timedelta(days=1),
        "signals": 6, "customers": 6, "expected": 1.0, "growth": 4.0, "score": 9.0, "factors": "{}", "method": "test",
    }  # fmt: skip
    issue_desk.record(space.ground.desk, TABLES["issues"].rows([row]), at=NOW)
    space.mark_fixed("i1")
    assert space.surveys.rates("after-fix") == []  # nothing without a yes
    assert space.settle_moves([m["decision"] for m in space.moves(state="proposed")], "approved") == 6


def test_a_playbook_asks_by_a_survey_once_its_wait_is_over(space: Space) -> None:
    _fix_an_issue(space)
    assert space.surveys.rates("after-fix")[0]["invited"] == 6
    assert space.links("after-fix") == []  # three days of patience
    _later(space, 4)
    space.react(space.now())  # deciding again makes nothing twice
    links = space.links("after-fix")
    assert len(links) == 6 and all(r["customer"].startswith("c_") for r in links)
    assert space.links("after-fix") == []


def test_what_a_playbook_planned_to_ask_is_taken_back_when_the_issue_returns(space: Space) -> None:
    _fix_an_issue(space)
    with space.ground.desk.reading() as session:
        row = session.scalars(select(Invitation)).first()
    assert row is not None
    token = space.inviting.link(row.id, row.expires_at).rpartition("/")[2]
    assert space.answering.open(token).state == "open"
    space.react(space.now(), [issue_desk.reopen(space.ground.desk, "i1", "test", space.now())])
    _later(space, 4)
    assert space.answering.open(token).state == "withdrawn"
    assert space.links("after-fix") == []


def test_a_public_survey_takes_answers_of_nobody_and_others_are_not_there(space: Space) -> None:
    with pytest.raises(NotFound):
        space.answering.visit("nps")
    space.surveys.folder.mkdir()
    for name in ("nps", "ces"):
        own = space.surveys.text(name).replace("public = false", "public = true")
        (space.surveys.folder / f"{name}.toml").write_text(own, "utf-8")
    opened = space.answering.open_visit("nps", space.answering.visit("nps"))
    space.answering.answer(opened, [NINE], language="en", by="open").result()
    space.digest(look=False)
    [row] = space.sql("SELECT customer_key FROM signals WHERE name = 'nps.recommend'").to_pylist()
    assert row["customer_key"] is None
    with pytest.raises(NotFound):
        space.answering.visit("trustid")
    with pytest.raises(NotFound):
        space.answering.open_visit("ces", space.answering.visit("nps"))


def test_a_survey_of_the_space_goes_before_the_one_that_ships(space: Space) -> None:
    space.surveys.folder.mkdir()
    own = (
        space.surveys.text("nps")
        .replace("link_days", "")
        .replace('name = "nps"', 'name = "nps"\nlink_days = 3')
    )
    (space.surveys.folder / "nps.toml").write_text(own, "utf-8")
    assert space.surveys.survey("nps").link_days == 3
    (space.surveys.folder / "broken.toml").write_text("name = 1", "utf-8")
    assert [r["survey"] for r in space.surveys.check() if not r["ok"]] == ["broken"]
    assert len(space.surveys.listed()) == 6


@pytest.mark.parametrize("to", ["chanel=chat", "channel=", "days=many", "days=0", "channel=chat,oops"])
def test_a_wrong_segment_is_refused(space: Space, to: str) -> None:
    with pytest.raises(Refused):
        space.ask("nps", to)


def test_a_file_without_identifiers_is_refused(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("first name\nAda\n", "utf-8")
    with pytest.raises(Refused, match="email"):
        space.ask("nps", str(path))
    with pytest.raises(NotFound):
        space.ask("nps", str(tmp_path / "none.csv"))


def test_the_page_of_surveys_tells_who_answered_what_and_who_was_left_in_peace(space: Space) -> None:
    _, links = space.ask("nps", "days=30")
    for row in links[:2]:
        _answer(space, row["link"], NINE)
    space.ask("csat", "days=30")
    space.digest(look=False)
    told = space.surveys.standing(space.permit("analytics"), "channel")
    assert (told["all"]["invited"], told["all"]["answered"]) == (6, 2)
    listed = {row["survey"]: row for row in told["surveys"]}
    assert (listed["nps"]["answered"], listed["csat"]["invited"], listed["csat"]["held"]) == (2, 0, 6)
    assert told["left"] == [{"survey": "csat", "why": "asked within the last 60 days", "people": 6}]
    assert [(row["question"], row["n"], row["estimate"]) for row in told["scores"]] == [
        ("nps.recommend", 2, None)
    ]
    assert {row["group"] for row in told["groups"]} == {"channel=chat", "channel=email"}
    assert space.status()["surveys"][1]["answered"] == 2
    _later(space, 181)
    assert space.surveys.standing(space.permit("analytics"), "channel")["all"] is None
