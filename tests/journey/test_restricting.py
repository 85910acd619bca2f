"""Article 18: whoever is restricted is kept, and is in no answer of any door until that is lifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from allears.act.decide import purpose_of
from allears.act.playbook import OpenCase
from allears.clock import SetClock
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.purpose import PURPOSES, SPARED
from allears.guard.restrict import RESTRICTED
from allears.journey import briefing, playbooks
from allears.journey.probable import _people
from allears.journey.restricting import restrict_asker
from allears.journey.segment import customers_in, read_segment, strata_of
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PEOPLE = 6
OFFICER = Principal("officer", Role.PRIVACY)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with Space.open(tmp_path_factory.mktemp("restricted") / "s", clock=SetClock(NOW)) as made:
        rows: list[dict[str, Any]] = []
        for n in range(PEOPLE):
            mine = {"email": f"p{n}@example.com"}
            for day in (1, 9):
                at = (NOW - timedelta(days=day)).isoformat()
                rows += [
                    {"signal_id": f"m{n}-{day}", "text": f"Parcel late again, number {n}", "channel": "chat", "rating": 2, "rating_scale": "csat-1-5",
                     "occurred_at": at, "thread": f"t{n}", "identifiers": mine},
                    {"signal_id": f"o{n}-{day}", "text": f"I will call you back by tomorrow, number {n}", "channel": "chat", "direction": "out",
                     "occurred_at": at, "thread": f"t{n}", "identifiers": mine},
                    {"signal_id": f"f{n}-{day}", "kind": "telemetry", "service": "checkout", "ok": False, "occurred_at": at, "identifiers": mine},
                ]  # fmt: skip
        made.hear(rows, source="desk")
        made.hear(
            [
                {"kind": "profile", "signal_id": f"w{n}", "identifiers": {"email": f"p{n}@example.com"}, "personal": {"name": f"Ada {n}"}}
                for n in range(PEOPLE)
            ],
            source="crm",
        )  # fmt: skip
        made.digest(look=False)
        made.publish()
        yield made


def _of_table(space: Space, rows: pa.Table, column: str = "customer_key") -> set[str]:
    return set(pc.drop_null(rows[column]).to_pylist())


def _export(space: Space) -> set[str]:
    import pyarrow.parquet as pq

    path = space.ground.folder / "out.parquet"
    path.unlink(missing_ok=True)
    space.export("signals", path, "parquet")
    return _of_table(space, pq.read_table(path))


DOORS: dict[str, Callable[[Space], set[str]]] = {
    "figures and Python": lambda s: _of_table(s, s.signals.select("customer_key").to_pyarrow()),
    "SQL": lambda s: _of_table(s, s.sql("SELECT customer_key FROM signals")),
    "SQL over who is who": lambda s: _of_table(s, s.sql("SELECT customer FROM identities"), "customer"),
    "export": _export,
    "customers": lambda s: {c["customer"] for c in s.customers(limit=100)},
    "found by an address": lambda s: {
        c["customer"] for n in range(PEOPLE) for c in s.customers(search=f"p{n}@example.com")
    },
    "promises": lambda s: {p["customer"] for p in s.promises()},
    "playbooks": lambda s: _of_table(s, playbooks.scene(s.ground, s.permit("service"), NOW).signals),
    "segments": lambda s: {str(c.customer) for c in customers_in(s.ground, read_segment("days=30"))},
    "strata": lambda s: set(strata_of(s.ground, everybody(s))),
    "what an issue gathered": lambda s: _of_table(
        s, briefing._gathered(s.ground, _ids(s), NOW - timedelta(days=30))
    ),
    "the watch": lambda s: _of_table(s, s.lookout._signals(NOW - timedelta(days=30), NOW)),
    "the watch, by ids": lambda s: _of_table(s, s.lookout._by_ids(_ids(s))),
    "the watch, by hashes": lambda s: _of_table(
        s, s.ground.serving.by_ids(("customer_key",), s.ground.serving.hashes(pa.array(_ids(s))))
    ),
    "linking": lambda s: set(_people(s.ground)[0]),
    "services": lambda s: _of_table(s, _failing(s)),
}  # fmt: skip


def _failing(space: Space) -> pa.Table:
    table = space.ground.serving.table("signals")
    return table.filter(table.service == "checkout").select("customer_key").to_pyarrow()


def _ids(space: Space, text: str = "%") -> list[str]:
    rows = space.ground.engine.query(
        "SELECT signal_id FROM signals WHERE kind <> 'profile' AND coalesce(text, '') LIKE $text ORDER BY occurred_at DESC",
        text=text,
    )
    return list(rows["signal_id"].to_pylist())


def everybody(space: Space) -> list[str]:
    return [space.customer(f"p{n}@example.com").id for n in range(PEOPLE)]


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(back=st.sets(st.integers(0, PEOPLE - 1), min_size=1, max_size=PEOPLE - 1))
def test_no_door_tells_of_the_restricted_and_each_tells_of_them_again(space: Space, back: set[int]) -> None:
    who = everybody(space)
    made = [space.restrict(f"p{n}@example.com", why="contests that it is right") for n in sorted(back)]
    try:
        for name, door in DOORS.items():
            assert door(space) == set(who) - {who[n] for n in back}, name
    finally:
        for one in made:
            space.lift(one, told="by letter")
    for name, door in DOORS.items():
        if not name.startswith("SQL"):
            assert door(space) == set(who), name


@pytest.fixture
def restricted(space: Space) -> Iterator[str]:
    made = space.restrict("p0@example.com", why="contests that it is right, call +44 20 7946 0958")
    yield space.customer("p0@example.com").id
    if any(r["restriction"] == made for r in space.restrictions()):
        space.lift(made, told="by letter")


def test_only_rights_and_warnings_of_danger_go_on(space: Space, restricted: str) -> None:
    held = {p: space.ground.gate.held(p, [restricted])[0] for p in PURPOSES}
    assert {p for p, rule in held.items() if not rule} == set(SPARED)
    assert {rule for rule in held.values() if rule} == {RESTRICTED}
    stranger = space.ground.vault.digest("email", ["p0@example.com"])[0]
    assert space.ground.gate.held("service", [f"p:{stranger}"]) == [RESTRICTED]
    assert restricted in _of_table(space, space.sql("SELECT customer_key FROM signals", purpose="rights"))


def test_a_customer_is_not_shown_but_the_officer_may_open_originals(space: Space, restricted: str) -> None:
    person, own = space.customer("p0@example.com"), _ids(space, "Parcel%number 0")[0]
    for ask in (person.overview, person.timeline):
        with pytest.raises(NotAllowed, match="article 18"):
            ask()
    with pytest.raises(NotAllowed, match="article 18"):
        person.originals(Principal("ann", Role.AGENT), "they called", [own])
    assert "open_sealed_denied" in [e.action for e in space.ground.audit.entries()]
    opened = person.originals(OFFICER, "their claim", [own])[own]
    assert opened is not None and "late" in opened["text"]


def test_a_restriction_keeps_data_from_erasing_and_retention(space: Space, restricted: str) -> None:
    with pytest.raises(NotAllowed, match="restricted"):
        space.erase("p0@example.com")
    assert space.erase_all(["p0@example.com"]).held == [restricted]
    (space.ground.folder / "retention.toml").write_text('[[keep]]\nwhat = "texts"\ndays = 5\n', "utf-8")
    due = sum(row["n"] for row in space.due())
    (space.ground.folder / "retention.toml").unlink()
    assert due == 3 * (PEOPLE - 1)


def test_what_they_write_from_now_on_is_stored_and_not_watched(space: Space, restricted: str) -> None:
    rows = space.ground.engine.query("SELECT * FROM signals WHERE text LIKE 'Parcel%'")
    space.lookout._waiting = []
    space.lookout.feed(rows.combine_chunks().to_batches()[0])
    heard = [key for batch in space.lookout._waiting for key in batch["customer_key"].to_pylist()]
    assert set(heard) == set(everybody(space)) - {restricted}


def test_no_action_of_a_playbook_is_about_them(space: Space, restricted: str) -> None:
    quiet = OpenCase(department="service", priority="P3", title="look at it", contacts=False)
    assert space.ground.gate.held(purpose_of(quiet), [restricted]) == [RESTRICTED]


def test_a_request_is_done_once_somebody_checked_who_asks(space: Space) -> None:
    asked = space.request("p1@example.com", "restriction", note="the address is wrong")
    with pytest.raises(NotAllowed, match="checked"):
        space.restrict_asker(asked)
    space.check_asker(asked, "called back")
    made = restrict_asker(space.ground, asked, actor="officer", why="accuracy is contested")
    told = next(r for r in space.restrictions() if r["restriction"] == made)
    assert told["customers"] == [space.customer("p1@example.com").id] and told["request"] == asked
    assert next(r for r in space.requests(closed=True) if r["request"] == asked)["state"] == "done"
    space.lift(made, told="by letter")
    other = space.request("p1@example.com", "erasure")
    space.check_asker(other, "called back")
    with pytest.raises(Refused, match="asks for erasure"):
        space.restrict_asker(other)


def test_it_is_audited_and_wants_reasons(space: Space, restricted: str) -> None:
    made = space.restrictions()[0]
    assert "7946" not in made["why"]
    with pytest.raises(Refused, match="reason"):
        space.restrict("p2@example.com", why=" ")
    with pytest.raises(Refused, match="told"):
        space.lift(made["restriction"], told="")
    space.lift(made["restriction"], told="by letter")
    with pytest.raises(NotFound):
        space.lift(made["restriction"], told="again")
    actions = [e.action for e in space.ground.audit.entries()]
    assert {"restrict", "restrict.lift"} <= set(actions)
    assert space.restrictions() == [] and space.restrictions(lifted=True)[0]["told"] == "by letter"


def test_it_follows_a_merge_and_a_parting(space: Space) -> None:
    made = space.restrict("p3@example.com", why="contests it")
    act = space.merge("p3@example.com", "p4@example.com", why="one person")["act"]
    assert space.customer("p4@example.com").restricted() == RESTRICTED
    space.unmerge(act)
    assert space.customer("p4@example.com").restricted() == ""
    assert space.customer("p3@example.com").restricted() == RESTRICTED
    space.lift(made, told="by letter")
