"""Stays: moments of entering and leaving replay to the same membership, whatever came and went, whoever was joined."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allears.desk import Desk
from allears.know.stays import counts, forget_stays, members_at, moments, segments_of, settle

START = datetime(2026, 5, 6, 12, tzinfo=UTC)
DeskIn = Callable[[Path], Desk]
PEOPLE = [f"c_{n}" for n in range(6)]


def same(keys: pa.Array) -> pa.Array:
    return keys


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.sets(st.sampled_from(PEOPLE)), max_size=8))
def test_moments_replay_to_the_same_membership(
    tmp_path_factory: pytest.TempPathFactory, desk_in: DeskIn, history: list[set[str]]
) -> None:
    made = desk_in(tmp_path_factory.mktemp("stays"))
    for hour, members in enumerate(history):
        with made.session() as session:
            settle(session, "s", sorted(members), START + timedelta(hours=hour), same)
    with made.reading() as session:
        told = sorted(moments(session, same), key=lambda m: m["at"])
        replayed: set[str] = set()
        for hour, members in enumerate(history):
            at = START + timedelta(hours=hour)
            for moment in (m for m in told if m["at"] == at):
                (replayed.add if moment["what"] == "entered" else replayed.remove)(moment["customer"])
            assert replayed == members == set(members_at(session, "s", same, at))
        now = set(members_at(session, "s", same))
        assert now == (history[-1] if history else set())
        assert counts(session, ["s"], START - timedelta(days=1))["s"]["customers"] == len(now)
    made.close()


def test_who_was_in_before_a_segment_was_made_or_changed_did_nothing(tmp_path: Path, desk_in: DeskIn) -> None:
    made = desk_in(tmp_path)
    with made.session() as session:
        settle(session, "s", ["c_0", "c_1"], START, same, defined=True)
        settle(session, "s", ["c_1", "c_2"], START + timedelta(hours=1), same, defined=True)
        assert moments(session, same) == []
        assert members_at(session, "s", same) == ["c_1", "c_2"]
    made.close()


def test_who_is_held_back_by_the_purpose_did_not_leave(tmp_path: Path, desk_in: DeskIn) -> None:
    made = desk_in(tmp_path)
    with made.session() as session:
        settle(session, "s", ["c_0", "c_1"], START, same)
        settle(
            session,
            "s",
            [],
            START + timedelta(hours=1),
            same,
            held=lambda people: ["objected" if p == "c_0" else "" for p in people],
        )
        assert [m["customer"] for m in moments(session, same) if m["what"] == "left"] == ["c_1"]
    made.close()


def test_two_who_became_one_are_one_member_and_parted_they_are_two(tmp_path: Path, desk_in: DeskIn) -> None:
    made = desk_in(tmp_path)

    def joined(keys: pa.Array) -> pa.Array:
        return pa.array(["c_0" if k == "c_1" else k for k in keys.to_pylist()], pa.string())

    with made.session() as session:
        settle(session, "s", ["c_0", "c_1"], START, same)
        later = START + timedelta(hours=1)
        assert settle(session, "s", ["c_0"], later, joined) == (0, 0)
        assert members_at(session, "s", joined) == ["c_0"]
        assert settle(session, "s", ["c_0", "c_1"], later, same) == (0, 0)
        # Gone as one, both have gone.
        assert settle(session, "s", [], later, joined) == (0, 1)
        assert members_at(session, "s", same) == []
    made.close()


def test_who_is_forgotten_has_no_stay(tmp_path: Path, desk_in: DeskIn) -> None:
    made = desk_in(tmp_path)
    with made.session() as session:
        settle(session, "s", PEOPLE, START, same)
        settle(session, "other", ["c_0"], START, same)
        assert [row["segment"] for row in segments_of(session, ["c_0"])] == ["other", "s"]
        assert forget_stays(session, {"c_0": "c_0", "c_old": "c_0", "c_9": "c_9"}) == {"c_0": 2, "c_9": 0}
        assert segments_of(session, ["c_0"]) == []
    made.close()
