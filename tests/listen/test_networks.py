from __future__ import annotations

import hashlib

import msgspec
import pytest

from allears.listen.build import build
from allears.listen.gather import Gather
from allears.listen.guess import infer
from allears.listen.mapping import Mapper, Mapping
from allears.listen.networks import NETWORKS, name_networks, network_of
from allears.listen.reading import Context
from allears.listen.signals import Signal, Signals


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("twitter-airlines", "twitter"), ("tweets 2015", "twitter"), ("Play Store (de)", "playstore"), ("subreddit.acme", "reddit"),
        ("forum", "forum"), ("reddit and youtube", "reddit and youtube"), ("redditors", "redditors"), ("a:b", "a b"),
    ],
)  # fmt: skip
def test_a_source_is_of_the_network_it_is_called_after_else_of_its_own(source: str, network: str) -> None:
    assert network_of(source) == network


def test_no_word_means_two_networks() -> None:
    words = [word for some in NETWORKS.values() for word in some]
    assert len(words) == len(set(words)) and all(":" not in name for name in NETWORKS)


def test_only_handles_without_a_network_get_one_and_lists_keep_their_rows(context: Context) -> None:
    gather = Gather(context)
    for who in (
        [("handle", "ada"), ("email", "a@x.example")],
        [],
        [("handle", "mastodon:bo")],
        [("handle", "cy")],
    ):
        gather.add("1", gather.received, "feedback", "web", identifiers=who)
    whole = build(gather.rows())
    for batch in (whole, whole.slice(0)):
        named = name_networks(batch, lambda source: f"of {source}")
        assert named.schema == batch.schema
        assert [[(i["type"], i["value"]) for i in row] for row in named["identifiers"].to_pylist()] == [
            [("handle", f"of {context.source}::ada"), ("email", "a@x.example")],
            [],
            [("handle", "mastodon:bo")],
            [("handle", f"of {context.source}::cy")],
        ]
    part = name_networks(whole.slice(2, 2), lambda source: "net")
    assert [row[0]["value"] for row in part["identifiers"].to_pylist()] == ["mastodon:bo", "net::cy"]
    assert name_networks(whole.slice(1, 1), lambda source: "net")["identifiers"].to_pylist() == [[]]


def test_the_row_says_the_network_before_the_mapping_does(context: Context) -> None:
    gather = Gather(context)
    mapping = Mapping(text="t", identifiers={"who": "handle"}, network="reddit", network_from="where")
    mapper = Mapper(mapping, gather)
    for row in (
        {"t": "x", "who": "ada"},
        {"t": "y", "who": "ada", "where": "Bluesky"},
        {"t": "z", "who": "x:ada"},
    ):
        mapper.add(row)
    found = [row[0]["value"] for row in gather.batch()["identifiers"].to_pylist()]
    assert found == ["reddit::ada", "Bluesky::ada", "x:ada"]


def test_a_column_named_network_is_found() -> None:
    rows = [
        {"id": n, "text": f"the parcel {n} came late again", "username": f"ada_{n}", "network": "bluesky"}
        for n in range(30)
    ]
    assert infer(rows).network_from == "network"


def test_our_own_shape_carries_the_network(context: Context) -> None:
    body = b'{"text": "hello", "network": "mastodon", "identifiers": {"handle": "ada@town.example"}}'
    row = Signals().read(body, context).arrivals.to_pylist()[0]
    assert row["identifiers"] == [{"type": "handle", "value": "mastodon::ada@town.example"}]
    assert row["personal"] == [{"type": "handle", "value": "ada@town.example"}]


def test_an_id_made_from_content_is_what_it_was_before_there_were_networks(context: Context) -> None:
    row = Signals().read(b'{"text": "hello"}', context).arrivals.to_pylist()[0]
    # Fields that came later are left out of what an id is made from while they are not given.
    fields = [f for f in msgspec.structs.fields(Signal) if f.default is not msgspec.UNSET]
    assert {f.name for f in msgspec.structs.fields(Signal)} - {f.name for f in fields} == {
        "network",
        "edited_at",
        "deleted_at",
    }
    whole = {f.encode_name: f.default if f.default is not msgspec.NODEFAULT else None for f in fields}
    content = msgspec.json.encode(whole | {"text": "hello"})
    digest = hashlib.sha256(context.source.encode() + b"\0" + content).hexdigest()
    assert row["signal_id"] == f"{context.source}:{digest[:32]}"
