from __future__ import annotations

from datetime import timedelta

import ibis
import pyarrow as pa
import pytest
from people_rows import START, arrivals, digest, keys

from allears.desk import Desk
from allears.errors import NotFound, Refused
from allears.know.customer import TIMELINE, count_customers, overview, timeline, view
from allears.know.graph import Graph
from allears.know.relationship import from_domains
from allears.tables import table


@pytest.fixture
def signals() -> ibis.Table:
    channels = ["email", "web", "email", "social", "app", "web"]
    rows = [
        {
            "signal_id": f"s{i}", "occurred_at": START + timedelta(hours=i), "channel": channel, "kind": "feedback",
            "customer_key": "c_other" if i == 5 else ("c_old" if i < 2 else "c_new"), "text": f"text {i}",
            "sentiment": [0.5, None, -0.5, -0.9, None, 1.0][i], "rating": [None, None, 0.25, 0.75, None, None][i],
            "topics": [["delivery/late"], None, ["delivery/late", "price/high"], [], None, ["x"]][i],
            "ok": [None, False, None, None, True, False][i], "account": "acc" if i == 3 else None,
        }
        for i, channel in enumerate(channels)
    ]  # fmt: skip
    return ibis.memtable(pa.Table.from_batches([table("signals").rows(rows)]))


KEYS = ["c_new", "c_old"]


def test_the_timeline_holds_all_channels_newest_first(signals: ibis.Table) -> None:
    mine = timeline(signals, KEYS)
    assert mine["signal_id"].to_pylist() == ["s4", "s3", "s2", "s1", "s0"]
    assert tuple(mine.column_names) == TIMELINE


def test_a_customer_of_ten_thousand_keys_has_one_timeline(signals: ibis.Table) -> None:
    many = [*KEYS, *(f"c_merged{n}" for n in range(10_000))]
    assert timeline(signals, many).equals(timeline(signals, KEYS))
    assert overview(signals, many) == overview(signals, KEYS)


def test_pages_of_the_timeline_follow_each_other(signals: ibis.Table) -> None:
    first = timeline(signals, KEYS, limit=2)
    second = timeline(signals, KEYS, limit=2, before=first["occurred_at"][-1].as_py())
    assert first["signal_id"].to_pylist() + second["signal_id"].to_pylist() == ["s4", "s3", "s2", "s1"]
    with pytest.raises(Refused):
        timeline(signals, KEYS, limit=0)


def test_nobody_has_an_empty_timeline(signals: ibis.Table) -> None:
    assert timeline(signals, []).num_rows == timeline(signals, ["c_nobody"]).num_rows == 0
    nobody = overview(signals, [])
    assert (nobody["signals"], nobody["by_channel"], nobody["topics"], nobody["sentiment"]) == (
        0,
        {},
        {},
        None,
    )


def test_the_overview_counts_what_is_there(signals: ibis.Table) -> None:
    assert overview(signals, KEYS) == {
        "signals": 5, "first_seen": START, "last_seen": START + timedelta(hours=4), "sentiment": pytest.approx(-0.3), "ratings": 2,
        "rating": 0.5, "failures": 1, "account": "acc", "by_channel": {"email": 2, "app": 1, "social": 1, "web": 1}, "by_relationship": {},
        "topics": {"delivery/late": 2, "price/high": 1},
    }  # fmt: skip


def test_the_view_joins_identifiers_history_and_figures(
    graph: Graph, desk: Desk, signals: ibis.Table
) -> None:
    young = keys(graph, {"email": "ada@x.example"}, at=[100])[0]
    ada = str(
        keys(
            graph,
            {"email": "ada@x.example", "handle": "net:ada"},
            {"handle": "net:ada", "anonymous_id": "b1"},
            at=[9, 3],
        )[0]
    )
    seen = view(desk, ada, overview(signals, KEYS), open_issues=["i1"])
    assert seen.identifiers == {"email": 1, "handle": 1, "anonymous_id": 1}
    assert (seen.relationship, seen.known_since, seen.open_issues) == (
        "consumer",
        START + timedelta(seconds=3),
        ["i1"],
    )
    assert [(h.type, h.customer) for h in seen.history] == [("email", young)]
    assert (seen.signals, seen.rating) == (5, 0.5)
    assert view(desk, ada).signals == 0
    with pytest.raises(NotFound):
        view(desk, str(young))


def test_customers_are_counted_by_relationship(desk: Desk) -> None:
    graph = Graph(desk, digest, rules=from_domains(["acme.example"], []))
    graph.identify(
        arrivals(
            {"email": "eve@acme.example", "user_id": "u1"},
            {"email": "ada@x.example"},
            {"email": "bob@x.example"},
        )
    )
    assert count_customers(desk) == {"employee": 1, "consumer": 2}
