from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people_rows import arrivals, digest, household, keys, partition

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotFound, Refused
from allears.know.graph import Graph
from allears.know.limits import Limits


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_merge_undone_leaves_customers_as_if_it_had_never_been(
    tmp_path_factory: pytest.TempPathFactory,
    desk_in: Callable[[Path], Desk],
    clock: SetClock,
    chance: random.Random,
) -> None:
    graphs = []
    for _ in range(2):
        desk = desk_in(tmp_path_factory.mktemp("desk"))
        graphs.append(Graph(desk, digest, clock=clock, limits=Limits(shared_by=4)))
    plain, handled = graphs
    open_merges: list[str] = []
    for start in range(5):
        events = household(chance, 8)
        for graph in graphs:
            graph.identify(arrivals(*(ids for _, ids in events), at=[at + start for at, _ in events]))
        before = partition(handled)
        everybody = sorted(set(before.values()))
        if len(everybody) > 1:
            try:
                merge = handled.merge(*chance.sample(everybody, 2), "same person on the phone", "sam")
            except Refused:
                assert partition(handled) == before
            else:
                if chance.random() < 0.5:
                    handled.unmerge(merge)
                    assert partition(handled) == before
                else:
                    open_merges.append(merge)
    chance.shuffle(open_merges)
    for merge in open_merges:
        handled.unmerge(merge)
    assert partition(handled) == partition(plain)
    assert handled.links().filter(pa.compute.is_null(handled.links()["removed_at"])).select(
        ["left", "right"]
    ).sort_by([("left", "ascending"), ("right", "ascending")]) == plain.links().select(
        ["left", "right"]
    ).sort_by([("left", "ascending"), ("right", "ascending")])


def test_a_merge_joins_two_customers_and_is_kept_with_its_reason(
    graph: Graph, open_graph: Callable[..., Graph]
) -> None:
    mail, handle = keys(graph, {"email": "ada@x.example"}, {"handle": "net:ada"})
    merge = graph.merge(str(handle), str(mail), "told us so", "sam")
    assert (
        graph.customer_of("handle", "net:ada") == mail == open_graph().customer_of("email", "ada@x.example")
    )
    assert graph.keys_of(str(mail)) == [mail, handle]
    assert graph.links()["why"].to_pylist() == ["steward sam"]
    graph.unmerge(merge, "sam")
    assert keys(open_graph(), {"email": "ada@x.example"}, {"handle": "net:ada"}) == [mail, handle]
    assert graph.links()["removed_at"].null_count == 0
    again = graph.merge(str(handle), str(mail), "it was right after all", "sam")
    assert again != merge
    assert graph.customer_of("handle", "net:ada") == mail
    assert graph.links()["removed_at"].null_count == 1


def test_merges_without_end_into_one_customer_stop_at_the_limit(graph: Graph) -> None:
    everybody = keys(graph, *({"handle": f"net:h{i}"} for i in range(200)))
    done, memory = 0, graph._memory._components
    for other in everybody[1:]:
        try:
            graph.merge(str(everybody[0]), str(other), "why not", "sam")
            done += 1
        except Refused as refused:
            assert "handle" in str(refused)
    assert done == 9
    assert graph._memory._components is memory  # a refusal takes itself back; nothing is read anew
    assert len(graph.digests_of(str(everybody[0]))) == 10


def test_a_merge_that_a_limit_forbids_changes_nothing(graph: Graph) -> None:
    one, two = keys(graph, {"user_id": "u1"}, {"user_id": "u2"})
    before = partition(graph)
    with pytest.raises(Refused, match="user_id"):
        graph.merge(str(one), str(two), "twins", "sam")
    assert partition(graph) == before
    assert graph.links().num_rows == graph.refusals().num_rows == 0


def test_what_cannot_be_merged_or_undone_is_said(graph: Graph) -> None:
    one, two = keys(graph, {"email": "ada@x.example"}, {"handle": "net:ada"})
    with pytest.raises(Refused, match="already"):
        graph.merge(str(one), str(one), "", "sam")
    for nobody in ("c_0123456789abcdef", "somebody"):
        with pytest.raises(NotFound):
            graph.merge(str(one), nobody, "", "sam")
    merge = graph.merge(str(one), str(two), "", "sam")
    number = merge.removeprefix("merge_")
    for other in (number, f"apart_{number}", f"cut_{number}", "merge_" + "9" * 30, "merge_" + "9" * 5000):
        with pytest.raises(NotFound):
            graph.unmerge(other)
    graph.unmerge(merge)
    with pytest.raises(Refused, match="already"):
        graph.unmerge(merge)
    for nothing in ("merge_99", "merge_x", ""):
        with pytest.raises(NotFound):
            graph.unmerge(nothing)
    with pytest.raises(NotFound):
        graph.cut("0" * 32, "f" * 32, "", "sam")
    keys(graph, *({"email": f"p{i}@x.example", "phone": "+12025550143"} for i in range(20)))
    with pytest.raises(Refused, match="shared"):
        graph.merge(str(one), str(graph.customer_of("phone", "+12025550143")), "", "sam")


def test_a_cut_parts_two_people_for_good_until_it_is_undone(graph: Graph) -> None:
    both = {"email": "ada@x.example", "phone": "+12025550143"}
    together = keys(graph, both)[0]
    mail, phone = digest("email", [both["email"]])[0], digest("phone", [both["phone"]])[0]
    cut = graph.cut(mail, phone, "her mother's phone", "sam")
    assert graph.customer_of("email", both["email"]) != graph.customer_of("phone", both["phone"])
    keys(graph, both)
    assert graph.customer_of("email", both["email"]) != graph.customer_of("phone", both["phone"])
    with pytest.raises(NotFound):
        graph.cut(mail, phone, "again", "sam")
    graph.unmerge(cut)
    assert graph.customer_of("email", both["email"]) == graph.customer_of("phone", both["phone"]) == together


def test_each_key_belongs_to_one_customer_after_they_part(graph: Graph) -> None:
    mail, handle = keys(graph, {"email": "ada@x.example"}, {"handle": "net:ada"})
    graph.unmerge(graph.merge(str(mail), str(handle), "", "sam"))
    assert graph.keys_of(str(mail)) == [mail]
    assert graph.keys_of(str(handle)) == [handle]


@pytest.mark.both_desks
def test_an_identifier_that_is_taken_away_leaves_the_others_one_person_and_stays_away(
    graph: Graph, desk: Desk
) -> None:
    hub = {"email": "wrong@x.example"}
    for other in ({"user_id": "u1"}, {"phone": "+12025550143"}, {"device": "d1"}):
        graph.identify(arrivals(hub | other))
    before = graph.customer_of("user_id", "u1")
    digest_of_hub = graph.digest_of("email", "wrong@x.example")
    assert before is not None and digest_of_hub is not None
    acts = graph.disown(before, digest_of_hub, "not theirs", "officer")
    assert len(acts) == 3

    def owners(one: Graph) -> list[str | None]:
        told = (("user_id", "u1"), ("phone", "+12025550143"), ("device", "d1"), ("email", "wrong@x.example"))
        return [one.customer_of(kind, value) for kind, value in told]

    mine, phone, device, away = owners(graph)
    assert mine == phone == device != away
    # Seen together again, in this process and in another one, it changes nothing.
    graph.identify(arrivals(hub | {"user_id": "u1"}, hub | {"phone": "+12025550143"}))
    assert owners(graph) == owners(Graph(desk, digest)) == [mine, mine, mine, away]
    with pytest.raises(NotFound):
        graph.disown(str(mine), digest_of_hub, "again", "officer")
    with pytest.raises(Refused):
        graph.disown(str(away), digest_of_hub, "it is all there is", "officer")
    # Taking one parting back makes them one again.
    graph.unmerge(acts[0])
    assert len(set(owners(graph))) == 1
