"""Sights: which rows and fields ``access.toml`` leaves to whom; what it does not say is as it ships."""

from __future__ import annotations

import pyarrow as pa
import pytest

from allears.errors import NotAllowed, Refused
from allears.guard.access import Principal, Role, Scope, may_hand_out
from allears.guard.mask import HIDDEN, IN_CLEAR, Field, mask_rows, mask_sql, mask_table
from allears.guard.sight import EVERY, Sight, Sights, read_sights, sight_of, sight_of_groups

FILE = """
[sights.germany]
regions = ["DE"]
groups = ["support-de"]
[sights.hr]
relationships = ["employee"]
departments = ["hr"]
[closed]
relationships = ["employee"]
[roles.analyst]
sight = "germany"
hide = ["text"]
[roles.cio]
show = ["original"]
[partners.Postwing]
accounts = ["acct-1"]
"""
SAID = read_sights(FILE)


def mine(role: str, *, sight: str | None = None, partner: str | None = None, said: Sights = SAID) -> Sight:
    return sight_of(Principal("user:x", Role(role), partner, sight=sight), lambda: said)


def test_without_a_file_everybody_but_a_partner_sees_every_row() -> None:
    for role in set(Role) - {Role.PARTNER}:
        assert mine(role, said=Sights()) == Sight(hidden=HIDDEN[role])
        assert mine(role, said=Sights()).condition(str) is EVERY


def test_every_role_has_its_masks() -> None:
    assert set(HIDDEN) == set(Role)
    assert HIDDEN[Role.ENGINEER] == HIDDEN[Role.SENDER] == set(Field)
    assert HIDDEN[Role.CIO] == HIDDEN[Role.ANALYST] == IN_CLEAR
    assert not HIDDEN[Role.AGENT] and not HIDDEN[Role.PRIVACY]


def test_ones_own_sight_comes_before_that_of_the_role() -> None:
    assert mine("analyst").regions == ("DE",)
    assert mine("analyst", sight="hr").relationships == ("employee",)
    assert mine("agent") == Sight(closed=("employee",))


def test_a_closed_relationship_opens_to_the_sight_that_names_it_alone() -> None:
    assert mine("agent", sight="hr").closed == ()
    assert mine("agent", sight="germany").closed == ("employee",)


def test_a_sight_that_is_gone_shows_nothing() -> None:
    with pytest.raises(NotAllowed, match="nothing is shown"):
        mine("agent", sight="france")


def test_fields_are_hidden_besides_or_shown_all_the_same() -> None:
    assert mine("analyst").hidden == IN_CLEAR | {Field.TEXT}
    assert mine("cio").hidden == IN_CLEAR - {Field.ORIGINAL}


def test_figures_are_for_who_is_narrowed_by_closed_relationships_at_most() -> None:
    assert mine("agent").figures and not mine("agent").whole
    assert not mine("analyst").figures
    assert not mine("agent", sight="hr").figures
    assert not mine("partner", partner="Postwing").figures


@pytest.mark.parametrize(
    "text",
    [
        "[sights.x]\nregion = ['DE']",
        "[sights.x]\nregions = ['']",
        "[sights.x]\nrelationships = ['friend']",
        "[closed]\nrelationships = ['everybody']",
        "[roles.boss]\nhide = ['text']",
        "[roles.analyst]\nhide = ['everything']",
        "[roles.analyst]\nsight = 'nowhere'",
        "[roles.analyst]\nbreak_glass_minutes = 481",
        "[roles.partner]\nbreak_glass_minutes = 5",
        "[roles.partner]\nshow = ['name']",
        "[roles.sender]\nshow = ['text']",
    ],
)
def test_a_file_that_nobody_understands_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_sights(text)


def test_the_first_sight_that_names_a_group_is_taken() -> None:
    assert sight_of_groups(SAID, ["staff", "support-de"]) == "germany"
    assert sight_of_groups(SAID, ["staff", 7, None]) is None


def test_a_key_sees_what_its_maker_sees() -> None:
    boss = Principal("user:eva", Role.CIO, sight="germany")
    read = frozenset({Scope.READ})
    assert may_hand_out(boss, Principal("key:", Role.ANALYST, scopes=read, sight="germany")).allowed
    assert not may_hand_out(boss, Principal("key:", Role.ANALYST, scopes=read)).allowed
    free = Principal("user:eva", Role.CIO)
    assert not may_hand_out(free, Principal("key:", Role.ANALYST, scopes=read, sight="hr")).allowed


def test_a_mask_stands_in_rows_tables_and_sql_alike() -> None:
    hidden = frozenset({Field.TEXT, Field.IDENTIFIERS})
    rows = [
        {"text": "a", "identifiers": [1], "channel": "chat"},
        {"text": None, "identifiers": None, "channel": "sms"},
    ]
    assert mask_rows(rows, hidden) == [
        {"text": "hidden", "identifiers": [], "channel": "chat"},
        {"text": None, "identifiers": None, "channel": "sms"},
    ]
    table = mask_table(pa.Table.from_pylist(rows), hidden)
    assert table["text"].to_pylist() == ["hidden", None] and table["identifiers"].null_count == 2
    told = mask_sql(
        {"text": pa.string(), "identifiers": pa.list_(pa.int64()), "channel": pa.string()}, hidden
    )
    assert set(told) == {"text", "identifiers"} and told["identifiers"] == "NULL"
