"""Organisations and who belongs to them: learnt, taken from files, told by hand; followed through merges, gone when erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allears.clock import SetClock
from allears.desk.accounts import Account
from allears.errors import NotFound, Refused
from allears.settings import DeskSettings, Settings
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def space(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Space]:
    shared = request.param == "postgresql"
    desk = DeskSettings(url=request.getfixturevalue("databases")()) if shared else DeskSettings()
    with Space.open(tmp_path / "acme", clock=SetClock(NOW), settings=Settings(desk=desk)) as opened:
        yield opened


def call(space: Space, *calls: dict[str, Any]) -> None:
    for number, one in enumerate(calls):
        body = {
            "messageId": f"{one['type']}{number}-{one.get('userId')}-{one.get('groupId')}",
            "timestamp": NOW.isoformat(),
        } | one
        space.take("segment", json.dumps({"batch": [body]}).encode(), source="app")
    space.digest(look=False)


def group(user: str, firm: str, **traits: Any) -> dict[str, Any]:
    return {"type": "group", "userId": user, "groupId": firm, "traits": traits}


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


def test_group_calls_tell_firms_and_their_people(space: Space) -> None:
    call(
        space,
        group("ada", "bolt-1", name="Bolt GmbH", plan="gold", parent="holding-1"),
        group("holder", "holding-1", name="Holding AG"),
        group("bo", "bolt-1"),
        {"type": "track", "userId": "cy", "event": "Opened", "context": {"groupId": "bolt-1"}},
    )
    found = space.account("bolt-1")
    assert (found["name"], found["traits"], names(found["above"])) == (
        "Bolt GmbH",
        {"plan": "gold"},
        ["Holding AG"],
    )
    assert {p["customer"] for p in found["people"]} == {space.customer(w).id for w in ("ada", "bo", "cy")}
    assert names(space.account("Holding AG")["below"]) == ["Bolt GmbH"]
    [mine] = space.customer("ada").relations()
    assert (mine["name"], mine["above"], mine["colleagues"], mine["valid_from"]) == (
        "Bolt GmbH",
        ["Holding AG"],
        2,
        NOW,
    )


def test_a_firm_cannot_lie_below_itself(space: Space) -> None:
    call(
        space,
        group("ada", "firm-a", parent="firm-b"),
        group("ada", "firm-b", parent="firm-c"),
        group("ada", "firm-c", parent="firm-a", name="C"),
    )
    assert space.account("firm-c")["above"] == []
    assert space.account("firm-c")["name"] == "C"  # what else was told is kept
    for account, parent in (("firm-c", "firm-a"), ("firm-a", "firm-a")):
        with pytest.raises(Refused, match="below itself"):
            space.tell_account(account, parent=parent)


def test_a_relation_follows_its_person_through_merge_and_parting(space: Space) -> None:
    call(space, group("ada", "bolt"))
    space.hear(
        [{"signal_id": "m", "text": "hello", "channel": "email", "identifiers": {"email": "a@example.com"}}],
        source="desk",
    )
    space.digest(look=False)
    assert space.customer("a@example.com").relations() == []
    act = space.merge("ada", "a@example.com", why="one person")["act"]
    assert names(space.customer("a@example.com").relations()) == ["bolt"]
    assert space.account("bolt")["customers"] == 1
    space.unmerge(act)
    assert space.customer("a@example.com").relations() == []
    assert names(space.customer("ada").relations()) == ["bolt"]


def test_what_ended_stays_in_the_history_and_is_not_begun_by_the_next_signal(space: Space) -> None:
    call(space, group("ada", "bolt"))
    assert space.end_relation("ada", "bolt") == 1
    assert space.end_relation("ada", "bolt") == 0
    call(space, {"type": "track", "userId": "ada", "event": "Again", "groupId": "bolt", "messageId": "again"})
    [mine] = space.customer("ada").relations()
    assert mine["valid_to"] == NOW and space.account("bolt")["customers"] == 0
    space.relate("ada", "bolt", role="buyer", relationship="partner", since=NOW - timedelta(days=1))
    assert [
        (r["role"], r["relationship"], r["valid_to"] is None) for r in space.customer("ada").relations()
    ] == [
        ("buyer", "partner", True),
        ("", "consumer", False),
    ]


def test_told_by_hand_again_what_ended_begins_anew_and_the_gap_stays(space: Space) -> None:
    call(space, group("ada", "bolt"))
    space.end_relation("ada", "bolt")
    space.ground.clock.set(NOW + timedelta(days=5))  # type: ignore[attr-defined]
    for _ in range(2):
        space.relate("ada", "bolt")
    periods = space.customer("ada").relations()
    assert [(r["valid_from"], r["valid_to"]) for r in periods] == [
        (NOW + timedelta(days=5), None),
        (NOW, NOW),
    ]
    assert space.account("bolt")["customers"] == 1


def test_who_moves_back_is_at_home_again(space: Space) -> None:
    live(space, "bo", "Bo Rossi", "Via Roma 5, 20121 Milano", NOW - timedelta(days=20))
    for days, address in ((9, "Via Roma 5, 20121 Milano"), (6, "Corso Como 8, 20154 Milano"), (3, "Via Roma 5, 20121 Milano"), (2, "Via Roma 5, 20121 Milano")):  # fmt: skip
        told = {"traits": {"name": "Ada Rossi", "address": address}, "messageId": f"m{days}"}
        at = (NOW - timedelta(days=days)).isoformat()
        call(space, {"type": "identify", "userId": "ada", "timestamp": at} | told)
    assert at_home(space, "ada") == [space.customer("bo").id]
    now = [r["valid_from"] for r in space.customer("ada").relations() if r["valid_to"] is None]
    assert now == [NOW - timedelta(days=3)]


def test_who_is_erased_belongs_nowhere(space: Space) -> None:
    call(space, group("ada", "bolt"), group("bo", "bolt"))
    assert space.erase("ada").removed["relations"] == 1
    assert [p["customer"] for p in space.account("bolt")["people"]] == [space.customer("bo").id]


def test_an_employee_who_is_a_consumer_too_belongs_twice_and_apart(space: Space) -> None:
    call(space, group("ada", "us"))
    space.relate("ada", "us", relationship="employee")
    assert sorted(r["relationship"] for r in space.customer("ada").relations()) == ["consumer", "employee"]


def test_a_file_is_taken_in_once_and_names_its_bad_rows(space: Space, tmp_path: Path) -> None:
    file = tmp_path / "firms.csv"
    file.write_text(
        "account,name,parent,industry,email,role,relationship,since,until\n"
        "holding,Holding AG,,steel,,,,,\n"
        "bolt,Bolt GmbH,holding,,,,,,\n"
        "bolt,,,,ada@example.com,buyer,partner,2026-01-05,\n"
        "bolt,,,,none@none.com,buyer,,,\n"
        "bolt,,,,bo@example.com,,friend,,\n"
        "bolt,,,,bo@example.com,,,2027-01-01,\n"
        "bolt,,,,bo@example.com,,,2026-02-01,2026-01-01\n"
        ",,,,bo@example.com,,,,\n"
        "holding,,bolt,,,,,,\n",
        encoding="utf-8",
    )
    made = space.import_accounts(file)
    refused = space.refused(source="accounts")
    assert made.refused == len(refused) and made.accounts == 2
    assert {r["place"].rpartition(" ")[2] for r in refused} >= {"6", "7", "8", "9", "10"}
    assert not any("@" in r["reason"] for r in refused)
    again = space.import_accounts(file)
    assert (again.accounts, again.people) == (made.accounts, made.people)
    assert space.account("holding")["traits"] == {"industry": "steel"}
    # Whoever is not heard yet belongs as soon as they are.
    space.hear(
        [
            {
                "signal_id": "m",
                "text": "hello",
                "channel": "email",
                "identifiers": {"email": "ada@example.com"},
            }
        ],
        source="desk",
    )
    space.digest(look=False)
    [mine] = space.customer("ada@example.com").relations()
    assert (mine["name"], mine["role"], mine["relationship"]) == ("Bolt GmbH", "buyer", "partner")


def test_toml_is_taken_in_too(space: Space, tmp_path: Path) -> None:
    file = tmp_path / "firms.toml"
    file.write_text(
        '[[account]]\naccount = "bolt"\nname = "Bolt"\n[[person]]\naccount = "bolt"\nuser_id = "u1"\n'
    )
    made = space.import_accounts(file)
    assert (made.rows, made.accounts, made.people, made.refused) == (2, 1, 1, 0)
    assert space.account("Bolt")["customers"] == 0  # nobody was heard of yet
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[[firm]]\naccount = "bolt"\n')
    with pytest.raises(Refused, match="firm"):
        space.import_accounts(wrong)
    with pytest.raises(NotFound):
        space.import_accounts(tmp_path / "none.csv")


def test_names_of_firms_lie_sealed(space: Space) -> None:
    call(space, group("ada", "bolt-77", name="Quintessa Bolt Works"))
    desk = b"".join(p.read_bytes() for p in space.ground.folder.glob("desk.db*"))
    assert b"Quintessa" not in desk and b"bolt-77" not in desk


def live(space: Space, user: str, name: str, address: str, at: datetime = NOW) -> None:
    told = {"traits": {"name": name, "address": address}, "timestamp": at.isoformat()}
    call(space, {"type": "identify", "userId": user, "messageId": f"{user} {address}"} | told)


def at_home(space: Space, who: str) -> list[str]:
    return [c for r in space.customer(who).relations() if r["valid_to"] is None for c in r["with"]]


def test_who_told_one_family_name_at_one_address_is_one_household_and_two_customers(space: Space) -> None:
    live(space, "ada", "Ada Rossi", "Via Roma 5, 20121 Milano")
    live(space, "bo", "ROSSI, Bo", "via roma 5; 20121 MILANO")
    live(space, "cy", "Cy Bianchi", "Via Roma 5, 20121 Milano")
    ada, bo = (space.customer(w).id for w in ("ada", "bo"))
    assert ada != bo and at_home(space, "ada") == [bo] and at_home(space, "bo") == [ada]
    assert space.customer("cy").relations() == []
    assert space.accounts() == []  # a household is no organisation
    desk = b"".join(p.read_bytes() for p in space.ground.folder.glob("desk.db*"))
    assert b"rossi|" not in desk.lower() and b"via roma" not in desk.lower()


def test_who_moves_house_leaves_the_old_one(space: Space) -> None:
    live(space, "ada", "Ada Rossi", "Via Roma 5, 20121 Milano", NOW - timedelta(days=9))
    live(space, "bo", "Bo Rossi", "Via Roma 5, 20121 Milano", NOW - timedelta(days=9))
    live(space, "ada", "Ada Rossi", "Corso Como 8, 20154 Milano", NOW - timedelta(days=2))
    assert at_home(space, "ada") == [] and at_home(space, "bo") == []
    [before] = space.customer("ada").relations()
    assert before["valid_to"] == NOW - timedelta(days=2)


def test_an_address_of_hundreds_is_no_household(space: Space) -> None:
    for number in range(13):
        live(space, f"u{number}", "Kim Lee", "1 Care Home Road, Leeds")
    assert at_home(space, "u3") == []


def test_a_household_nobody_is_left_of_is_forgotten(space: Space) -> None:
    live(space, "ada", "Ada Rossi", "Via Roma 5, 20121 Milano")
    space.erase("ada")
    with space.ground.desk.reading() as session:
        assert session.query(Account).count() == 0


def test_restricted_people_are_not_told_as_anybodys_family_or_staff(space: Space) -> None:
    for who, name in (("ada", "Ada Rossi"), ("bo", "Bo Rossi")):
        live(space, who, name, "Via Roma 5, 20121 Milano")
        call(space, group(who, "bolt"))
    space.restrict("bo", why="they dispute it")
    assert at_home(space, "ada") == []
    assert [p["customer"] for p in space.account("bolt")["people"]] == [space.customer("ada").id]
