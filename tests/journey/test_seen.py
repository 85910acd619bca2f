"""What partners see: whatever the data, nothing of another partner's, and nothing of the company's own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.errors import AllearsError, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.sight import Sight, read_sights
from allears.journey import seen
from allears.space import Space
from allears.tables import TABLES

NOW = datetime.now(UTC)
PARTNERS = ("Postwing", "Swiftlane", "Cargomere")
ACCOUNTS = {"Postwing": "acct-postwing", "Swiftlane": "acct-swiftlane"}
ACCESS = "\n".join(f'[partners.{name}]\naccounts = ["{account}"]' for name, account in ACCOUNTS.items())

Signal = tuple[int, str | None, str | None]
Drawn = tuple[list[tuple[str | None, list[int]]], list[tuple[int, str]]]


def canary(number: int) -> str:
    """Make a word that no other signal holds."""
    return f"zq{number:03d}xv"


@pytest.fixture(scope="module")
def heard() -> Iterator[tuple[Space, list[Signal]]]:
    """A space in which each signal has a word, a release and a person of its own; and whose each signal is."""
    with tempfile.TemporaryDirectory() as folder, Space.open(Path(folder) / "acme") as space:
        (space.ground.folder / "access.toml").write_text(ACCESS)
        owned: list[Signal] = []
        rows = []
        for number in range(48):
            partner = (*PARTNERS, None)[number % 4]
            account = None if number % 3 else (*ACCOUNTS.values(), "acct-other")[number // 3 % 3]
            owned.append((number, partner, account))
            rows.append(
                {
                    "signal_id": f"id-{canary(number)}",
                    "occurred_at": (NOW - timedelta(hours=number + 1)).isoformat(),
                    "text": f"The parcel {canary(number)} is late again, it never came",
                    "channel": "chat",
                    "service": f"svc-{canary(number)}",
                    "release": f"rel-{canary(number)}",
                    "identifiers": {"user_id": f"u{number % 9}"} | ({"account": account} if account else {}),
                }
                | ({"partner": partner} if partner else {})
            )
        space.hear(rows, source="desk")
        space.digest(look=False)
        yield space, owned


drawn = st.tuples(
    st.lists(
        st.tuples(
            st.sampled_from((*PARTNERS, None)),
            st.lists(st.integers(0, 47), min_size=1, max_size=20, unique=True),
        ),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(PARTNERS)), max_size=4),
)


def _record(space: Space, issues: list[tuple[str | None, list[int]]]) -> list[str]:
    rows, names = [], []
    for place, (partner, members) in enumerate(issues):
        ids = [f"desk:id-{canary(m)}" for m in members]
        name = f"i-{canary(900 + place)}"
        names.append(name)
        facets = {"service": f"svc-{canary(members[0])}"} | ({"partner": partner} if partner else {})
        rows.append(
            {
                "issue": name,
                "title": f"Secret {canary(members[-1])} at {partner}",
                "kind": "issue",
                "topics": ["delivery/late"],
                "facets": json.dumps(facets),
                "terms": [canary(m) for m in members[:3]],
                "exemplars": ids[:4],
                "signal_ids": ids,
                "first_signal_at": NOW - timedelta(days=3),
                "detected_at": NOW - timedelta(hours=1),
                "signals": len(ids),
                "customers": 5,
                "expected": 3.0,
                "growth": 2.0,
                "score": 77771234.0 + place,
                "factors": '{"burst": 77771234.0}',
                "method": "test",
            }
        )
    changes = issue_desk.record(space.ground.desk, TABLES["issues"].rows(rows), at=NOW)
    open_cases(space.ground.desk, changes, default_rules(), Clocks.default(), NOW)
    for name in names:
        issue_desk.acknowledge(space.ground.desk, name, "user:insider-zq", NOW, "note of staff zqnote")
    return names


def _clear(space: Space) -> None:
    from sqlalchemy import delete

    from allears.desk.access import Share
    from allears.desk.work import Case, CaseEvent, Issue, IssueEvent, IssueSignal

    with space.ground.desk.session() as session:
        for table in (CaseEvent, Case, IssueEvent, IssueSignal, Share, Issue):
            session.execute(delete(table))


def _everything(space: Space, principal: Principal, names: list[str]) -> Iterator[Any]:
    """Ask every question that a partner has an answer to."""
    ground = space.ground
    yield seen.issues(ground, principal)
    yield seen.cases(ground, principal)
    for name in names:
        for ask in (seen.issue, seen.story):
            try:
                yield ask(ground, principal, name)
            except NotFound as error:
                yield error.message


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn)
def test_whatever_the_data_a_partner_is_told_nothing_that_is_not_its_own(
    heard: tuple[Space, list[Signal]], drawn: Drawn
) -> None:
    space, owned = heard
    issues, shares = drawn
    _clear(space)
    names = _record(space, issues)
    shared = {(names[place], partner) for place, partner in shares if place < len(names)}
    for name, partner in shared:
        space.share(name, partner)
    for partner in PARTNERS:
        told = msgspec.json.encode(
            list(_everything(space, Principal("user:p", Role.PARTNER, partner), names)), enc_hook=str
        ).decode()
        others = [n for n, p, a in owned if p != partner and (a is None or a != ACCOUNTS.get(partner))]
        assert [canary(n) for n in others if canary(n) in told] == []
        assert [p for p in PARTNERS if p != partner and p in told] == []
        assert [word for word in ("zqnote", "insider-zq", "7777123", "c_") if word in told] == []
        listed = {row["id"] for row in seen.issues(space.ground, Principal("user:p", Role.PARTNER, partner))}
        concern = {name for name, (whose, _) in zip(names, issues, strict=True) if whose == partner}
        assert listed == concern | {name for name, whose in shared if whose == partner}


def test_a_partner_is_told_its_own_signals_in_full_and_those_of_its_accounts(
    heard: tuple[Space, list[Signal]],
) -> None:
    space, owned = heard
    _clear(space)
    everybody = list(range(48))
    (name,) = _record(space, [("Postwing", everybody)])
    told = seen.issue(space.ground, Principal("user:p", Role.PARTNER, "Postwing"), name)
    own = [n for n, p, a in owned if p == "Postwing" or a == ACCOUNTS["Postwing"]]
    assert any(p != "Postwing" for n, p, a in owned if n in own)
    assert told["signals"] == len(own) > 12
    assert told["title"].endswith("- Postwing")
    story = seen.story(space.ground, Principal("user:p", Role.PARTNER, "Postwing"), name)
    assert sum(row["signals"] for row in story["counts"]) == len(own)
    assert len(story["examples"]) == 8 and len(told["messages"]) == len(told["exemplars"]) == 1


def test_who_is_no_partner_is_told_all(heard: tuple[Space, list[Signal]]) -> None:
    space, _ = heard
    _clear(space)
    names = _record(space, [("Postwing", [0, 1]), (None, [2])])
    principal = Principal("user:ana", Role.ANALYST)
    assert [row["id"] for row in seen.issues(space.ground, principal)] == names[::-1]
    assert seen.issues(space.ground, principal) == space.issues()
    assert [c["id"] for c in seen.cases(space.ground, principal)] == [c["id"] for c in space.cases()]


def test_what_was_shared_is_seen_under_its_title_and_not_settled(heard: tuple[Space, list[Signal]]) -> None:
    space, _ = heard
    _clear(space)
    (name,) = _record(space, [(None, [0, 1, 2, 3])])
    partner = Principal("user:p", Role.PARTNER, "Postwing")
    with pytest.raises(NotFound):
        seen.issue(space.ground, partner, name)
    space.share(name, "Postwing", title="Late parcels; ask ada@example.com")
    told = seen.issue(space.ground, partner, name)
    assert told["title"].startswith("Late parcels") and "ada@example.com" not in told["title"]
    assert told["cases"] == [] == seen.cases(space.ground, partner)
    with pytest.raises(NotFound):
        seen.require_own(space.ground, partner, name)
    assert seen.story(space.ground, Principal("user:c", Role.CIO), name)["shared_with"] == ["Postwing"]
    space.unshare(name, "Postwing")
    with pytest.raises(NotFound):
        seen.issue(space.ground, partner, name)
    with pytest.raises(NotFound):
        space.unshare(name, "Postwing")


def test_a_partner_may_settle_its_own_issue(heard: tuple[Space, list[Signal]]) -> None:
    space, _ = heard
    _clear(space)
    own, other = _record(space, [("Postwing", [0]), ("Swiftlane", [1])])
    partner = Principal("user:p", Role.PARTNER, "Postwing")
    seen.require_own(space.ground, partner, own)
    for issue in (other, None, "none"):
        with pytest.raises(NotFound):
            seen.require_own(space.ground, partner, issue)


def test_an_issue_that_is_not_theirs_reads_like_one_that_is_not_there(
    heard: tuple[Space, list[Signal]],
) -> None:
    space, _ = heard
    _clear(space)
    (name,) = _record(space, [("Swiftlane", [1])])
    partner = Principal("user:p", Role.PARTNER, "Postwing")
    errors = []
    for asked in (name, "none"):
        with pytest.raises(NotFound) as raised:
            seen.issue(space.ground, partner, asked)
        errors.append((raised.value.message, str(raised.value)))
    assert errors[0] == errors[1]


def test_a_partner_without_a_name_sees_nothing(heard: tuple[Space, list[Signal]]) -> None:
    with pytest.raises(AllearsError):
        seen.issues(heard[0].ground, Principal("user:p", Role.PARTNER))


def test_a_silence_of_our_own_listening_is_not_shared(heard: tuple[Space, list[Signal]]) -> None:
    space, _ = heard
    _clear(space)
    quiet = {
        "issue": "i-quiet", "title": "Nothing arrives", "kind": "issue", "topics": ["listening/silence"], "facets": '{"source": "desk"}', "terms": [],
        "exemplars": [], "signal_ids": [], "first_signal_at": NOW, "detected_at": NOW, "signals": 0, "customers": 0, "expected": 1.0, "growth": 0.0,
        "score": 1.0, "factors": "{}", "method": "test",
    }  # fmt: skip
    issue_desk.record(space.ground.desk, TABLES["issues"].rows([quiet]), at=NOW)
    with pytest.raises(Refused):
        space.share("i-quiet", "Postwing")


@pytest.mark.parametrize(
    "text", ["[partners", "[partner.X]", "[partners.X]\naccounts = 3", "[partners.X]\nwho = 1"]
)
def test_a_wrong_file_is_refused_by_place(text: str) -> None:
    with pytest.raises(Refused) as raised:
        read_sights(text)
    assert raised.value.facts.get("place") == "access.toml" or "access.toml" in str(raised.value)


def test_sights_are_equal_only_when_they_see_the_same() -> None:
    assert Sight().whole and not Sight(partner="Postwing").whole
