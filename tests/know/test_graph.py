from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pyarrow as pa
import pytest
from people_rows import ADA, BOB, arrivals, digest, household, keys, partition
from sqlalchemy import text

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import Refused
from allears.know.graph import Graph
from allears.know.limits import Limits
from allears.know.relationship import TraitRule, from_domains
from allears.tables import table

pytestmark = pytest.mark.both_desks


def test_rows_that_share_an_identifier_are_one_customer_in_the_very_batch_that_says_so(graph: Graph) -> None:
    found = keys(
        graph,
        {"anonymous_id": "a1"},
        {"email": "ada@x.example"},
        {"anonymous_id": "a1", "email": "ADA@x.example"},
        {},
    )
    assert found[0] == found[1] == found[2]
    assert found[3] is None


def test_the_answer_has_the_types_of_signals_and_holds_no_value_in_clear(graph: Graph) -> None:
    batch = arrivals(ADA, {"account": "Acme"}, {}, thread=["t1", None, "t1"], account=["Acme", None, None])
    answer = graph.identify(batch)
    for name in ("identifiers", "customer_key", "relationship", "account", "thread"):
        assert getattr(answer, name).type == table("signals").schema.field(name).type, name
        assert len(getattr(answer, name)) == 3
    assert answer.identifiers.to_pylist()[0] == [
        {"type": "user_id", "digest": digest("user_id", ["u-ada"])[0]},
        {"type": "email", "digest": digest("email", ["ada@x.example"])[0]},
    ]
    assert answer.account.to_pylist() == [digest("account", ["Acme"])[0]] * 2 + [None]
    assert answer.thread.to_pylist() == [
        digest("thread", ["web\x1ft1"])[0],
        None,
        digest("thread", ["web\x1ft1"])[0],
    ]
    assert answer.customer_key[1].as_py() is None


def test_an_account_joins_nobody_and_names_nobody(graph: Graph) -> None:
    one, two, firm = keys(graph, ADA | {"account": "Acme"}, BOB | {"account": "Acme"}, {"account": "Acme"})
    assert one != two and firm is None
    assert graph.customer_of("account", "Acme") is None


def test_empty_batches_slices_and_null_lists_are_fine(graph: Graph) -> None:
    assert len(graph.identify(arrivals()).customer_key) == 0
    batch = arrivals(ADA, BOB, ADA)
    assert graph.identify(batch.slice(1, 1)).customer_key.to_pylist() == keys(graph, BOB)
    nulls = arrivals(ADA, identifiers=pa.array([None], batch.schema.field("identifiers").type))
    assert graph.identify(nulls).identifiers.to_pylist() == [[]]


def test_the_oldest_identifier_names_the_customer(graph: Graph) -> None:
    young = keys(graph, {"email": "ada@x.example"}, at=[100])[0]
    old = keys(graph, {"handle": "net:ada"}, at=[50])[0]
    both = keys(graph, {"email": "ada@x.example", "handle": "net:ada"}, at=[200])[0]
    assert both == old != young
    assert graph.resolve_keys(pa.array([young, old, None, "c_0123456789abcdef", "x"])).to_pylist() == [
        old, old, None, "c_0123456789abcdef", "x",
    ]  # fmt: skip
    assert graph.keys_of(str(old)) == [old, young]
    assert graph.keys_of(str(young)) == [old, young]


def test_history_says_since_when_and_until_when(graph: Graph) -> None:
    young = keys(graph, {"email": "ada@x.example"}, at=[100])[0]
    old = keys(graph, {"handle": "net:ada"}, {"email": "ada@x.example", "handle": "net:ada"}, at=[50, 60])[0]
    mail = [r for r in graph.identities().to_pylist() if r["type"] == "email"]
    assert [(r["customer"], r["valid_to"] is None) for r in mail] == [(old, True), (young, False)]
    assert graph.identities().schema == table("identities").schema
    links = graph.links()
    assert links.schema == table("links").schema
    assert links["why"].to_pylist() == ["email and handle seen together in web"]


def test_two_user_ids_never_merge_whatever_they_share(graph: Graph) -> None:
    first = {"user_id": "u1", "email": "home@x.example", "phone": "+12025550143", "anonymous_id": "tv"}
    one, two, mail = keys(graph, first, first | {"user_id": "u2"}, {"email": "home@x.example"})
    assert one != two and mail == one
    reasons = set(graph.refusals()["reason"].to_pylist())
    assert "too many of type user_id in one customer" in reasons


def test_two_people_who_swap_a_device_stay_two(graph: Graph) -> None:
    for one, two in (("user_id", "user_id"), ("email", "email")):
        names = [f"{one}1@x.example", f"{two}2@x.example"]
        found = keys(
            graph,
            {one: names[0], "device": f"{one}-d1"}, {two: names[1], "device": f"{two}-d2"},
            {one: names[0], "device": f"{two}-d2"}, {two: names[1], "device": f"{one}-d1"},
        )  # fmt: skip
        assert found[0] == found[2] != found[1] == found[3]


def test_a_browser_joins_a_mail_address_and_the_account_it_later_logs_into(graph: Graph) -> None:
    found = keys(
        graph,
        {"anonymous_id": "a1", "email": "ada@x.example"},
        {"anonymous_id": "a1", "user_id": "u1"},
        {"user_id": "u1"},
    )
    assert len(set(found)) == 1


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("batches", [1, 5])
def test_a_phone_shared_by_5000_people_joins_nobody(graph: Graph, batches: int) -> None:
    rows = [{"email": f"p{i}@x.example", "phone": "+12025550143"} for i in range(5000)]
    size = len(rows) // batches
    for start in range(0, len(rows), size):
        keys(graph, *rows[start : start + size])
    found = keys(graph, *rows, {"phone": "+12025550143"})
    assert len(set(found)) == 5001
    assert "identifier shared by many people" in graph.refusals()["reason"].to_pylist()
    # Links beyond what one identifier keeps are counted only.
    assert graph.refusals().num_rows <= size + Limits().links_kept


def test_none_at_none_on_each_third_record_joins_nobody(graph: Graph) -> None:
    rows = [{"user_id": f"u{i}"} | ({"email": "none@none.com"} if i % 3 == 0 else {}) for i in range(900)]
    assert len(set(keys(graph, *rows))) == 900
    assert graph.customer_of("email", "none@none.com") is None
    assert graph.links().num_rows == 0


@pytest.mark.sqlite_alone
def test_10000_browsers_of_one_user_stop_at_the_limit_and_the_user_stays_known(graph: Graph) -> None:
    for start in range(0, 10_000, 2_500):
        found = keys(
            graph, *({"user_id": "u1", "anonymous_id": f"b{i}"} for i in range(start, start + 2_500))
        )
        assert len(set(found)) == 1
    assert len(graph.digests_of(str(found[0]))) == 51
    assert keys(graph, {"anonymous_id": "b0"}) == found[:1]
    assert sum(graph.refusals()["count"].to_pylist()) == 10_000 - 50


def test_names_join_nobody_in_any_script(graph: Graph) -> None:
    names = ["Ada Lovelace", "李明", "Мария", "محمد", "Ελένη"]
    personal = [[{"type": "name", "value": n}] for n in names]
    rows = [{"user_id": f"u{i}"} for i in range(5)]
    assert len(set(keys(graph, *rows, personal=personal))) == 5
    assert len(set(keys(graph, *rows, personal=[personal[0]] * 5))) == 5
    handles = [{"handle": f"net:{n}"} for n in names]
    assert len(set(keys(graph, *handles))) == 5
    assert graph.customer_of("handle", "net:@МАРИЯ") == keys(graph, handles[2])[0]


def test_the_same_handle_on_two_networks_is_two_people(graph: Graph) -> None:
    assert len(set(keys(graph, {"handle": "one:ada"}, {"handle": "two:ada"}))) == 2


def test_order_and_batches_change_nothing(open_desk: Callable[[], Desk], clock: SetClock) -> None:
    chance = random.Random(7)
    events = household(chance, 120)
    seen = []
    for size in (120, 17, 3):
        graph = Graph(open_desk(), digest, clock=clock, limits=Limits(shared_by=4))
        for start in range(0, len(events), size):
            some = events[start : start + size]
            graph.identify(arrivals(*(ids for _, ids in some), at=[at for at, _ in some]))
        chance.shuffle(events)
        seen.append(partition(graph))
        assert partition(graph) == seen[0]
    assert len(set(seen[0].values())) > 3


def test_a_second_process_sees_what_the_first_wrote_and_the_other_way_round(
    open_graph: Callable[..., Graph],
) -> None:
    one, two = open_graph(), open_graph()
    a = keys(one, ADA)
    b = keys(two, {"email": "ada@x.example", "phone": "+12025550143"}, at=[5])
    c = keys(one, {"phone": "+12025550143"}, BOB)
    assert a == b == c[:1]
    events = household(random.Random(3), 60)
    for i, (at, ids) in enumerate(events):
        (one, two)[i % 2].identify(arrivals(ids, at=[at]))
    fresh = open_graph()
    everybody = pa.array(sorted(set(partition(one).values())))
    assert one.resolve_keys(everybody).equals(everybody)
    assert two.resolve_keys(everybody).equals(everybody)
    assert fresh.resolve_keys(everybody).equals(everybody)


def test_tighter_limits_are_applied_to_what_is_kept(open_graph: Callable[..., Graph]) -> None:
    mails = [{"phone": "+12025550143", "email": f"p{i}@x.example"} for i in range(3)]
    assert len(set(keys(open_graph(), *mails))) == 1
    tight = open_graph(limits=Limits(shared_by=2))
    assert len(set(keys(tight, *mails))) == 3
    assert len(set(partition(tight).values())) == 4


def test_a_point_lookup_needs_no_memory(open_graph: Callable[..., Graph]) -> None:
    known = keys(open_graph(), ADA)[0]
    other = open_graph()
    assert other.customer_of("email", " ADA@x.example ") == known
    assert other.customer_of("email", "nobody@x.example") is None
    assert other.customer_of("email", "n/a") is None
    assert other.keys_of("c_0123456789abcdef") == []


def test_threads_may_share_one_graph(graph: Graph) -> None:
    rows = [{"user_id": f"u{i % 40}", "anonymous_id": f"b{i}"} for i in range(200)]
    threads = [threading.Thread(target=keys, args=(graph, *rows[i::4])) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys(graph, *rows))) == 40


@pytest.mark.sqlite_alone
def test_a_write_that_fails_leaves_no_trace_in_memory(graph: Graph, desk: Desk) -> None:
    before = keys(graph, ADA)
    with desk.engine.connect() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON identity_edges BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
        connection.commit()
    with pytest.raises(Exception, match="full"):
        keys(graph, BOB)
    with desk.engine.connect() as connection:
        connection.execute(text("DROP TRIGGER full"))
        connection.commit()
    assert keys(graph, ADA) == before
    assert keys(graph, BOB)[0] == graph.customer_of("user_id", "u-bob")


def test_digests_too_short_to_name_anybody_are_refused(desk: Desk) -> None:
    with pytest.raises(Refused):
        Graph(desk, lambda purpose, values: ["ab" for _ in values]).identify(arrivals(ADA))


def test_relationship_comes_from_payload_then_customer_then_rules(open_graph: Callable[..., Graph]) -> None:
    rules = from_domains(["acme.example"], ["carrier.example"])
    rules = type(rules)((*rules.rules, TraitRule("reseller", True, "partner")))
    graph = open_graph(rules=rules)
    answer = graph.identify(
        arrivals(
            {"email": "eve@mail.acme.example", "user_id": "u1"}, {"user_id": "u1"}, {"user_id": "u1"},
            {"email": "pat@carrier.example"}, {"email": "cus@x.example"}, {"user_id": "u2"}, {"user_id": "u2"}, {},
            relationship=[None, None, "consumer", None, None, None, None, "partner"],
            properties=[None, None, None, None, None, '{"reseller": true}', '{"reseller": 1}', None],
        )
    )  # fmt: skip
    assert answer.relationship.to_pylist() == [
        "employee", "employee", "consumer", "partner", "consumer", "partner", "partner", "partner",
    ]  # fmt: skip
    # It holds for the customer from then on, also in another process, and for what is linked later.
    later = open_graph().identify(arrivals({"user_id": "u1", "anonymous_id": "b1"}, {"anonymous_id": "b1"}))
    assert later.relationship.to_pylist() == ["employee", "employee"]


def test_one_handle_on_two_networks_is_two_people(graph: Graph) -> None:
    one, two = keys(graph, {"handle": "twitter::ada"}, {"handle": "reddit::Ada"})
    assert one != two
    assert keys(graph, {"handle": "twitter:@ada"}) == [one]


def test_whoever_an_earlier_version_knew_by_a_bare_handle_is_still_known_by_it(graph: Graph) -> None:
    old = keys(graph, {"handle": "ada", "email": "ada@x.example"}, at=[50])[0]
    assert keys(graph, {"handle": "twitter::@Ada"}, {"handle": "reddit::ada"}, at=[100, 110]) == [old, old]
    # What the sender itself put behind a network was never that bare handle.
    assert keys(graph, {"handle": "zendesk:ada"}, at=[120]) != [old]
    assert graph.customer_of("handle", "forum::ada") == old
    # Nobody is tied to a handle that nobody had before.
    assert len(set(keys(graph, {"handle": "twitter::bo"}, {"handle": "reddit::bo"}))) == 2


def test_a_handle_without_its_network_is_found_where_it_is_one_customer_s(
    desk: Desk,
) -> None:
    graph = Graph(desk, digest, networks=lambda: ["twitter", "Reddit", "forum"])
    ada, bo, other = keys(
        graph, {"handle": "twitter::ada"}, {"handle": "reddit::bo"}, {"handle": "twitter::bo"}
    )
    assert graph.customer_of("handle", "@ada") == ada and bo != other
    assert graph.customer_of("handle", "bo") is None
    assert graph.customers_of(["handle", "handle"], ["bo", "reddit:bo"]) == [None, bo]
    assert graph.known_handles(["bo", "ada", "cy"]) == {"ada", "bo"}
    assert graph.digest_of("handle", "ada") == digest("handle", ["twitter:ada"])[0]
