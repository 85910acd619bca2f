"""Customers of a space that are probably one: simulated people told twice, joined, queued, parted; all of it reversible."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.cli.app import run
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.journey import daily
from allears.space import Space

GIVEN = [
    "anna",
    "bruno",
    "carla",
    "dario",
    "elena",
    "fabio",
    "greta",
    "hugo",
    "irene",
    "jakob",
    "klara",
    "luca",
    "marta",
    "nina",
    "otto",
]
FAMILY = [
    "rossi",
    "weber",
    "moreau",
    "garcia",
    "silva",
    "keller",
    "conti",
    "lang",
    "petit",
    "romero",
    "santos",
    "vogel",
]
TWICE = range(0, 40, 4)


def told(number: int) -> dict[str, str]:
    dice = random.Random(number)
    given, family = dice.choice(GIVEN).title(), dice.choice(FAMILY).title()
    born = f"{dice.randrange(1940, 2006)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
    return {
        "firstName": given, "lastName": family, "birthday": born,
        "address": f"{dice.randrange(1, 200)} {dice.choice(FAMILY)} street, {dice.randrange(100, 999)}0{number}",
    }  # fmt: skip


def send(space: Space, people: list[tuple[str, dict[str, str]]], kind: str = "anonymousId") -> None:
    calls = [
        {"type": "identify", kind: who, "messageId": f"m-{who}", "traits": traits} for who, traits in people
    ]
    space.take("segment", json.dumps({"batch": calls}).encode(), source="shop")
    space.digest(look=False)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as opened:
        send(opened, [(f"one-{n}", told(n)) for n in range(40)])
        send(opened, [(f"two-{n}", told(n)) for n in TWICE])
        twins = {**told(1), "firstName": "Zacharias"}
        send(opened, [("twin", twins)])
        yield opened


def one(space: Space, a: str, b: str) -> bool:
    return space.customer(a).id == space.customer(b).id


def test_customers_told_twice_become_one_and_part_again_exactly(space: Space) -> None:
    before = space.ground.graph.identities().sort_by("digest").to_pylist()
    found = space.link()
    assert found["joined"] == len(TWICE)
    assert all(one(space, f"one-{n}", f"two-{n}") for n in TWICE)
    assert not one(space, "one-1", "twin")
    assert len({space.customer(f"one-{n}").id for n in range(40)}) == 40

    acts = space.merges()
    assert {a["actor"] for a in acts} == {"link"}
    assert "birth the same" in acts[0]["why"]
    for act in acts:
        space.unmerge(act["act"])
    after = [
        r for r in space.ground.graph.identities().sort_by("digest").to_pylist() if r["valid_to"] is None
    ]
    assert {r["digest"]: r["customer"] for r in after} == {r["digest"]: r["customer"] for r in before}
    assert space.link(relearn=True)["joined"] == 0, "what was taken back is joined again"
    assert len(space.kept_apart()) == len(TWICE)


def test_only_new_customers_are_compared_the_next_time(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from allears.journey import probable

    monkeypatch.setattr(probable, "OVERLAP", timedelta(0))
    assert space.link()["learned"]
    again = space.link()
    assert (again["new"], again["joined"], again["learned"]) == (0, 0, False)
    send(space, [("three-2", told(2))])
    later = space.link()
    assert (later["new"], later["joined"]) == (1, 1)
    assert one(space, "one-2", "three-2")


def test_what_is_less_sure_waits_and_a_steward_decides(
    space: Space, capsys: pytest.CaptureFixture[str]
) -> None:
    space.link()
    waiting = space.link_queue()
    pair = next(
        w["pair"]
        for w in waiting
        if {w["left"], w["right"]} == {space.customer("one-1").id, space.customer("twin").id}
    )
    where = ["--space", str(space.ground.folder)]
    assert run(["link", "show", str(pair), *where]) == 0
    assert "given" not in capsys.readouterr().err
    assert run(["link", "accept", str(pair), "--why", "same card at the counter", "--json", *where]) == 0
    done = json.loads(capsys.readouterr().out)
    assert one(space, "one-1", "twin")
    assert run(["link", "cut", str(pair), "--why", "they are brothers", *where]) == 0
    assert not one(space, "one-1", "twin")
    assert pair not in {w["pair"] for w in space.link_queue()}
    assert space.link(relearn=True)["joined"] == 0
    actions = [e.action for e in space.ground.audit.entries(20)]
    assert {"customer.link", "customer.merge", "customer.unmerge", "customer.apart"} <= set(actions)
    with pytest.raises(Refused, match="refused already"):
        space.settle_link(pair, same=False, why="again")
    with pytest.raises(Refused, match="a person said that these are two; take that back first"):
        space.settle_link(pair, same=True, why="I know better")
    # Taken back, the pair waits again, and can be joined.
    kept = next(a for a in space.kept_apart() if a["pair"] == pair)
    assert (kept["why"], kept["actor"]) == ("they are brothers", space.actor)
    assert space.link_pair(pair)["act"] == kept["act"]
    assert run(["unmerge", kept["act"], *where]) == 0
    assert pair in {w["pair"] for w in space.link_queue()}
    assert pair not in {a["pair"] for a in space.kept_apart()}
    assert space.settle_link(pair, same=True, why="they were one after all")["act"].startswith("merge_")
    space.settle_link(pair, same=False, why="no, two")
    with pytest.raises(NotFound):
        space.settle_link(999, same=True, why="nobody")
    with pytest.raises(NotFound):
        space.settle_link(10**20, same=True, why="nobody")
    assert done["act"].startswith("merge_")


def test_a_refused_pair_is_not_joined_through_a_third(space: Space) -> None:
    send(space, [("older", {"firstName": told(36)["firstName"]})])
    space.link()
    ours = {space.customer(f"{side}-36").id for side in ("one", "two")}
    pair = next(
        row["pair"] for row in space.link_queue(state="joined") if {row["left"], row["right"]} == ours
    )
    with pytest.raises(Refused, match="reason"):
        space.settle_link(pair, same=False, why="  ")
    assert one(space, "one-36", "two-36"), "a decision that was refused was carried out"
    space.settle_link(pair, same=False, why="two brothers")
    call = {"type": "identify", "anonymousId": "older", "messageId": "m-older-2", "traits": told(36)}
    space.take("segment", json.dumps({"batch": [call]}).encode(), source="shop")
    space.digest(look=False)
    assert space.link()["joined"] == 1
    assert not one(space, "one-36", "two-36")


def test_a_refused_pair_is_not_joined_by_what_both_are_seen_with(space: Space) -> None:
    space.link()
    pair = next(w["pair"] for w in space.link_queue() if space.customer("twin").id in (w["left"], w["right"]))
    space.settle_link(pair, same=False, why="twins, at one address")
    calls = [
        {
            "type": "identify",
            "anonymousId": who,
            "messageId": f"e-{who}",
            "traits": {"email": "family@example.com"},
        }
        for who in ("one-1", "twin")
    ]
    space.take("segment", json.dumps({"batch": calls}).encode(), source="shop")
    space.digest(look=False)
    assert not one(space, "one-1", "twin")
    assert one(space, "one-1", "family@example.com") != one(space, "twin", "family@example.com")
    assert space.ground.graph.refusals()["reason"].to_pylist() == ["a person said that these are two"]
    space.unmerge(space.kept_apart()[0]["act"])
    assert one(space, "one-1", "twin")
    with pytest.raises(Refused, match="one customer by other links"):
        space.settle_link(pair, same=False, why="twins all the same")


def test_who_is_kept_apart_by_hand_is_not_found_again_and_a_pair_of_theirs_is_refused_by_it(
    space: Space,
) -> None:
    act = space.apart("one-4", "two-4", why="father and son")["act"]
    assert space.link()["joined"] == len(TWICE) - 1
    assert not one(space, "one-4", "two-4")
    both = {space.customer("one-4").id, space.customer("two-4").id}
    assert not [
        w
        for state in ("waiting", "forbidden")
        for w in space.link_queue(state)
        if {w["left"], w["right"]} == both
    ]
    waiting = next(w for w in space.link_queue() if space.customer("twin").id in (w["left"], w["right"]))
    known = space.apart(waiting["left"], waiting["right"], why="twins")["act"]
    # Whoever waited for a decision about the two has it.
    told = space.link_pair(waiting["pair"])
    assert (told["state"], told["act"], told["note"]) == ("refused", known, "twins")
    with pytest.raises(Refused, match="refused already"):
        space.settle_link(waiting["pair"], same=False, why="twins")
    assert {a["act"] for a in space.kept_apart()} == {act, known}
    space.unmerge(known)
    assert waiting["pair"] in {w["pair"] for w in space.link_queue()}


def test_a_look_before_deciding_changes_nothing_and_says_what_would(space: Space) -> None:
    space.link()
    before = space.ground.graph.identities().sort_by("digest").to_pylist()
    pair = space.link_queue()[0]["pair"]
    found = space.link_pair(pair)
    foretold = found["consequences"]
    stays = foretold.pop("stays")
    assert foretold == {
        "signals": 2, "identifiers": {"anonymous_id": 2}, "relationships": ["consumer"], "forbidden": "",
    }  # fmt: skip
    assert space.ground.graph.identities().sort_by("digest").to_pylist() == before
    done = space.settle_link(pair, same=True, why="same card at the counter")
    assert done["customer"] == stays
    assert space.link_pair(pair)["outcome"] == "these are one customer today"


def test_what_a_pair_told_is_opened_only_for_who_may_and_gives_a_reason(space: Space) -> None:
    space.link()
    pair = space.link_queue()[0]["pair"]
    agent, analyst = Principal("user:ada", Role.AGENT), Principal("user:bob", Role.ANALYST)
    with pytest.raises(Refused, match="reason"):
        space.link_told(pair, agent, "")
    with pytest.raises(NotAllowed):
        space.link_told(pair, analyst, "curious")
    told_of = space.link_told(pair, agent, "case 12")
    assert told_of["birth"][0] == told_of["birth"][1] == told(1)["birthday"]
    assert {"Zacharias", told(1)["firstName"]} == {str(name).split()[0] for name in told_of["name"]}
    actions = [e.action for e in space.ground.audit.entries(5)]
    assert {"open_sealed", "open_sealed_denied"} <= set(actions)


def test_serving_looks_once_a_day_only_where_told_to(tmp_path: Path) -> None:
    with Space.open(tmp_path / "acme") as space:
        assert not any(step.startswith("links") for step in daily.steps(space.ground))
    settings = tmp_path / "acme" / "allears.toml"
    settings.write_text(settings.read_text() + "\n[know]\nlink_daily = true\n")
    with Space.open(tmp_path / "acme") as space:
        assert any("at least 20 records" in step for step in daily.steps(space.ground))
        send(space, [(f"one-{n}", told(n)) for n in range(40)])
        send(space, [("two-0", told(0))])
        assert any(step.startswith("links: 1 pairs joined") for step in daily.steps(space.ground))


def test_two_user_ids_are_kept_apart_and_said(tmp_path: Path) -> None:
    with Space.open(tmp_path / "acme") as space:
        send(space, [(f"u{n}", told(n)) for n in range(40)], kind="userId")
        send(space, [("v3", told(3))], kind="userId")
        found = space.link()
        assert (found["joined"], found["forbidden"]) == (0, 1)
        kept = space.link_queue("forbidden")[0]
        assert "limit" in kept["note"]
        assert space.link_pair(kept["pair"])["consequences"]["forbidden"] in kept["note"]


def test_who_is_erased_leaves_the_queue(space: Space) -> None:
    space.link()
    assert any(space.customer("twin").id in (w["left"], w["right"]) for w in space.link_queue())
    gone = space.customer("twin").id
    space.erase("twin")
    assert not any(gone in (w["left"], w["right"]) for w in space.link_queue())
