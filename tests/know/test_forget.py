from __future__ import annotations

from collections.abc import Callable

import pytest
from people_rows import ADA, BOB, arrivals, digest, keys, partition
from sqlalchemy import inspect, text

from allears.desk import Desk
from allears.know.graph import Graph

pytestmark = pytest.mark.both_desks


def rows_naming(desk: Desk, *words: str) -> int:
    """Count rows, in any table of the desk, that hold one of these words."""
    found = 0
    with desk.engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                found += any(word in str(value) for value in row for word in words)
    return found


def test_forgetting_removes_every_trace_and_leaves_the_others(
    graph: Graph, desk: Desk, open_graph: Callable[..., Graph]
) -> None:
    other = open_graph()
    young = keys(graph, {"handle": "net:ada"}, at=[900])[0]
    ada, bob = keys(graph, ADA | {"handle": "net:ada"}, BOB)
    graph.unmerge(graph.merge(str(ada), str(keys(other, {"phone": "+12025550143"})[0]), "", "sam"))
    words = [
        *digest("email", [ADA["email"]]),
        *digest("user_id", [ADA["user_id"]]),
        *digest("handle", ["net:ada"]),
        str(young),
    ]
    assert rows_naming(desk, *words) > 0
    with desk.session() as session:
        counts = graph.forget(session, str(young))
    assert counts == {"profiles": 0, "acts": 1, "identifiers": 3, "links": 4, "history": counts["history"]}
    assert rows_naming(desk, *words) == 0
    for each in (graph, other, open_graph()):
        assert each.customer_of("email", ADA["email"]) is None
        assert each.keys_of(str(ada)) == []
        assert each.keys_of(str(bob)) == [bob]
    assert keys(other, BOB)[0] == bob


def test_forgetting_nobody_counts_nothing(graph: Graph, desk: Desk) -> None:
    with desk.session() as session:
        assert set(graph.forget(session, "c_0123456789abcdef").values()) == {0}


def test_a_transaction_rolled_back_forgets_nobody(graph: Graph, desk: Desk) -> None:
    ada, _ = keys(graph, ADA, BOB)
    before = partition(graph)
    with pytest.raises(RuntimeError, match="stop"), desk.session() as session:
        graph.forget(session, str(ada))
        raise RuntimeError("stop")
    assert partition(graph) == before
    assert keys(graph, ADA)[0] == ada
    assert graph.digests_of(str(ada))


def test_who_comes_back_is_new_and_linked_to_nothing_old(graph: Graph, desk: Desk) -> None:
    ada = keys(graph, ADA | {"phone": "+12025550143"})[0]
    with desk.session() as session:
        graph.forget(session, str(ada))
    keys(graph, {"email": ADA["email"]})
    assert graph.customer_of("user_id", ADA["user_id"]) is None
    assert len(graph.digests_of(str(graph.customer_of("email", ADA["email"])))) == 1


def test_a_refused_link_holds_once_the_one_in_its_way_is_forgotten(graph: Graph, desk: Desk) -> None:
    mail = {"email": "home@x.example"}
    one, two = keys(graph, {"user_id": "u1"} | mail, {"user_id": "u2"} | mail)
    assert one != two
    # Take out the first user id alone: its e-mail goes with it, and the second user keeps nothing of it.
    with desk.session() as session:
        graph.forget(session, str(one))
    assert graph.customer_of("user_id", "u2") == two
    again = graph.identify(arrivals({"user_id": "u2"} | mail, at=[500])).customer_key.to_pylist()
    assert again == [two] and graph.customer_of("email", "home@x.example") == two
