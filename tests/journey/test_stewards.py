"""Joining and parting by hand, through the space: what is told, what is kept, and that it can be taken back exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.errors import NotFound, Refused
from allears.space import Space


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as opened:
        opened.hear(
            [
                {"text": "Where is my parcel?", "identifiers": {"email": "ada@example.com"}},
                {"text": "Parcel still missing", "identifiers": {"phone": "+442079460001"}},
                {"text": "We share a tablet", "identifiers": {"user_id": "bo-1", "device": "tablet-9"}},
            ],
            source="counter",
        )
        opened.digest(look=False)
        yield opened


def lake(space: Space) -> list[dict[str, object]]:
    rows = space.sql("select digest, customer from identities where valid_to is null order by digest")
    return list(rows.to_pylist())


def test_a_merge_shows_one_timeline_and_taking_it_back_leaves_no_trace(space: Space) -> None:
    space.publish()
    before = lake(space)
    done = space.merge("ada@example.com", "+442079460001", why="she showed both at the counter")
    assert space.customer("ada@example.com").id == space.customer("+442079460001").id == done["customer"]
    assert space.customer("ada@example.com").timeline().num_rows == 2
    assert lake(space) != before
    space.unmerge(done["act"])
    assert lake(space) == before
    assert space.customer("ada@example.com").timeline().num_rows == 1
    assert space.merges()[0]["undone_at"] is not None


def test_identifiers_joined_by_mistake_part_and_come_together_again(space: Space) -> None:
    whole = space.customer("bo-1").id
    done = space.part("bo-1", "tablet-9", why="the tablet is the shop's")
    assert len(done["customers"]) == 2
    space.unmerge(done["act"])
    assert space.customer("tablet-9").id == space.customer("bo-1").id == whole


def test_keeping_two_apart_writes_nothing_of_everybody_else(space: Space) -> None:
    space.publish()
    before = space.ground.store.version("identities"), lake(space)
    space.apart("ada@example.com", "+442079460001", why="sisters")
    assert (space.ground.store.version("identities"), lake(space)) == before
    space.publish()
    assert lake(space) == before[1]


def test_two_who_are_kept_apart_stay_two_until_that_is_taken_back(space: Space) -> None:
    done = space.apart(
        "ada@example.com", "+442079460001", why="sisters, says ada@example.com", actor="user:bo"
    )
    shared = {"email": "ada@example.com", "phone": "+442079460001"}
    space.hear([{"text": "Call my sister", "identifiers": shared}], source="counter")
    space.digest(look=False)
    ids = sorted({space.customer(who).id for who in shared.values()})
    assert ids == done["customers"]
    told = space.kept_apart()
    assert [(a["act"], a["actor"], a["pair"]) for a in told] == [(done["act"], "user:bo", None)]
    assert "ada@example.com" not in str(told)
    with pytest.raises(Refused, match=done["act"]):
        space.merge("ada@example.com", "+442079460001", why="she said so")
    space.unmerge(done["act"], actor="user:cy")
    assert space.customer("ada@example.com").id == space.customer("+442079460001").id
    assert space.kept_apart() == []
    acts = [(e.actor, e.action) for e in space.ground.audit.entries(10)]
    assert ("user:bo", "customer.apart") in acts and ("user:cy", "customer.unmerge") in acts
    with pytest.raises(Refused, match="part them first"):
        space.apart("ada@example.com", "+442079460001", why="sisters")


def test_each_act_is_in_the_audit_and_no_reason_keeps_an_address(space: Space) -> None:
    done = space.merge(
        "ada@example.com", "+442079460001", why="said so from ada@example.com", actor="user:bo"
    )
    space.unmerge(done["act"], actor="user:cy")
    acts = [(e.actor, e.action) for e in space.ground.audit.entries(10)]
    assert ("user:bo", "customer.merge") in acts and ("user:cy", "customer.unmerge") in acts
    assert "ada@example.com" not in str(space.merges())
    assert space.ground.audit.verify().ok


def test_what_cannot_be_joined_is_said_without_the_value(space: Space) -> None:
    with pytest.raises(NotFound, match="nobody is known") as missing:
        space.merge("ada@example.com", "zoe@example.com", why="a reason")
    assert "zoe" not in str(missing.value)
    with pytest.raises(Refused, match="one customer already"):
        space.merge("bo-1", "tablet-9", why="a reason")
    with pytest.raises(Refused, match="reason"):
        space.merge("ada@example.com", "+442079460001", why=" ")
    with pytest.raises(NotFound):
        space.unmerge("merge_99")
    with pytest.raises(NotFound, match="no link"):
        space.part("ada@example.com", "+442079460001", why="a reason")


def test_an_act_is_taken_back_once(space: Space) -> None:
    act = space.merge("ada@example.com", "+442079460001", why="a reason")["act"]
    space.unmerge(act)
    with pytest.raises(Refused, match="already"):
        space.unmerge(act)
