from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from allears.errors import Refused
from allears.listen import FORMATS, Context, Mapping
from allears.listen.mapping import infer, preview, read_mapping, write_mapping
from allears.listen.records import find_records

WORDS = [
    "the lid broke on the first day",
    "quick and kind people",
    "where is the parcel i paid for",
    "never again, honestly",
]


def rows(count: int = 30, **columns: Any) -> list[dict[str, Any]]:
    return [{k: v(i) if callable(v) else v for k, v in columns.items()} for i in range(count)]


def test_a_social_export_is_understood() -> None:
    found = infer(
        rows(
            tweet_id=lambda i: str(9000 + i), label="negative", label_confidence=0.7, name=lambda i: f"user_{i % 7}", retweet_count=lambda i: i % 3,
            text=lambda i: f"@shop {WORDS[i % 4]} {i}", tweet_created=lambda i: f"2026-02-{1 + i % 28:02d} 11:35:52 -0800", tweet_location="Ely",
        )
    )  # fmt: skip
    assert (found.id, found.text, found.occurred_at, found.reach, found.channel) == (
        "tweet_id",
        "text",
        "tweet_created",
        ("retweet_count",),
        "social",
    )
    assert found.identifiers == {"name": "handle"}
    assert found.zone is None


def test_labels_stay_among_the_properties() -> None:
    data = rows(text=lambda i: f"{WORDS[i % 4]} {i}", sentiment="negative", confidence=0.9)
    shown = preview(infer(data), data)
    assert len(shown) == 3
    assert json.loads(shown[0]["properties"]) == {"sentiment": "negative", "confidence": 0.9}


@pytest.mark.parametrize(
    ("column", "values", "scale"),
    [
        ("Stars", [1, 2, 5], "stars-1-5"),
        ("starRating", ["ONE", "FIVE", "TWO"], "stars-1-5"),
        ("nps_score", ["0", "9", "10"], "nps-0-10"),
        ("csat", [1, 5, 3], "csat-1-5"),
        ("ces", [1, 7, 4], "ces-1-7"),
        ("rating", [0, 10, 7], "nps-0-10"),
        ("satisfaction", ["good", "bad", "good"], "csat-1-5"),
    ],
)
def test_scales_follow_from_name_and_range(column: str, values: list[Any], scale: str) -> None:
    found = infer(rows(comment=lambda i: f"{WORDS[i % 4]} {i}", **{column: lambda i: values[i % 3]}))
    assert (found.rating, found.rating_scale) == (column, scale)


@pytest.mark.parametrize("column", ["score", "label_confidence", "rating"])
def test_numbers_that_rate_nothing_are_no_rating(column: str) -> None:
    found = infer(rows(comment=lambda i: f"{WORDS[i % 4]} {i}", **{column: lambda i: [0.3, 214, 7][i % 3]}))
    assert found.rating is None


def test_month_and_day_are_told_apart_by_a_number_that_is_no_month() -> None:
    assert (
        infer(rows(Date=lambda i: f"{1 + i % 12}/{1 + i}/2026", text=lambda i: WORDS[i % 4])).time_format
        == "mdy"
    )
    assert (
        infer(rows(Date=lambda i: f"{1 + i}/{1 + i % 12}/2026", text=lambda i: WORDS[i % 4])).time_format
        == "dmy"
    )


def test_a_column_called_partner_with_yes_and_no_names_no_firm(context: Context) -> None:
    data = rows(customerID=lambda i: f"c{i}", Partner=lambda i: ["Yes", "No"][i % 2], tenure=lambda i: i)
    assert infer(data).partner is None
    body = "\n".join(json.dumps(row) for row in data).encode()
    assert set(FORMATS["rows"].read(body, context).arrivals.column("partner").to_pylist()) == {None}


def test_of_two_paths_for_one_type_the_nearest_counts() -> None:
    found = infer([{"event": {"text": "hello there", "user": "U1"}, "authorizations": [{"user_id": "U2"}]}])
    assert found.identifiers == {"event.user": "user_id"}


def test_nested_reviews_map_by_dotted_paths(context: Context) -> None:
    body = json.dumps(
        {"reviews": [{"reviewId": "r1", "authorName": "Ada Byrne", "comments": [{"userComment": {
            "text": "\tneat app", "lastModified": {"seconds": "1780300000"}, "starRating": 4, "appVersionName": "2.1", "thumbsUpCount": 3}},
            {"developerComment": {"text": "Thank you so very much for writing to us"}}]}]}
    ).encode()  # fmt: skip
    [row] = FORMATS["rows"].read(body, context).arrivals.to_pylist()
    assert (row["signal_id"], row["text"], row["rating"], row["reach"], row["release"]) == (
        "shop:r1",
        "\tneat app",
        0.75,
        3,
        "2.1",
    )
    assert row["occurred_at"] == datetime.fromtimestamp(1780300000, UTC)
    assert row["channel"] == "review"


def test_a_webhook_with_many_messages_gives_a_row_for_each(context: Context) -> None:
    def message(number: int) -> dict[str, Any]:
        return {
            "id": f"w{number}",
            "from": "15550100123",
            "timestamp": "1780300000",
            "text": {"body": f"hello {number}"},
            "type": "text",
        }

    body = {
        "object": "x",
        "entry": [
            {"id": "1", "changes": [{"value": {"messages": [message(1), message(2)]}, "field": "messages"}]}
        ],
    }
    found = FORMATS["rows"].read(json.dumps(body).encode(), context).arrivals.to_pylist()
    assert [(row["signal_id"], row["text"]) for row in found] == [
        ("shop:w1", "hello 1"),
        ("shop:w2", "hello 2"),
    ]
    assert found[0]["identifiers"] == [{"type": "phone", "value": "15550100123"}]


def test_the_answers_of_a_form_are_joined(context: Context) -> None:
    form = {
        "token": "t1",
        "submitted_at": "2026-05-01T10:00:00Z",
        "answers": [
            {"type": "number", "number": 4},
            {"text": "too slow for me"},
            {"text": "be quicker next time"},
        ],
    }
    [row] = (
        FORMATS["rows"]
        .read(json.dumps({"items": [form, form]}).encode(), context)
        .arrivals.slice(0, 1)
        .to_pylist()
    )
    assert row["text"] == "too slow for me\nbe quicker next time"


def test_html_is_taken_out_only_where_it_was_found(context: Context) -> None:
    mapped = Context("shop", None, context.received_at, mapping=Mapping(text="t", html=True))
    plain = Context("shop", None, context.received_at, mapping=Mapping(text="t"))
    body = b'{"t": "<p>Tea &amp; <b>cake</b></p>"}'
    assert FORMATS["rows"].read(body, mapped).arrivals.column("text").to_pylist() == ["Tea & cake"]
    assert FORMATS["rows"].read(body, plain).arrivals.column("text").to_pylist() == [
        "<p>Tea &amp; <b>cake</b></p>"
    ]


def test_the_company_speaking_is_no_customer(context: Context) -> None:
    mapping = Mapping(
        text="t",
        direction="role",
        outbound=("agent",),
        identifiers={"author": "handle", "user.id": "user_id"},
    )
    mapped = Context("shop", None, context.received_at, mapping=mapping)
    body = b'{"t": "we look into it", "role": "Agent", "author": "shop_help", "user": {"id": 7}}\n{"t": "thanks", "role": "user", "author": "ada"}'
    out, back = FORMATS["rows"].read(body, mapped).arrivals.to_pylist()
    assert (out["direction"], back["direction"]) == ("out", "in")
    assert out["identifiers"] == [{"type": "user_id", "value": "7"}]
    assert json.loads(out["properties"]) == {"agent": "shop_help"}
    assert back["identifiers"] == [{"type": "handle", "value": "ada"}]


def test_one_bad_row_among_a_hundred(context: Context) -> None:
    lines = [
        json.dumps({"id": i, "text": f"{WORDS[i % 4]} {i}", "created_at": "2026-05-01T10:00:00Z"})
        for i in range(99)
    ]
    body = "\n".join([*lines[:50], '{"id": 50, "text": ', *lines[50:]]).encode()
    checked = FORMATS["rows"].check(body, context)
    assert (checked.accepted, checked.refused[0].place) == (99, "line 51")
    mapped = Context("shop", None, context.received_at, mapping=infer([json.loads(line) for line in lines]))
    late = b'{"id": 1, "text": "x", "created_at": "soon"}\n{"id": 2}'
    reading = FORMATS["rows"].read(checked.keep + b"\n" + late, mapped)
    assert reading.arrivals.num_rows == 99
    assert [(r.place, r.reason.split(":")[0]) for r in reading.refused] == [
        ("line 100.created_at", "expected a time"),
        ("line 101", "nothing said or done"),
    ]


def test_a_mapping_survives_toml() -> None:
    mapping = Mapping(
        id="a.b", text='quote " and \\ and ü', reach=("likes", "shares"), identifiers={"from.0.id": "user_id"}, constants={"region": "North"},
        html=True, zone="Europe/Paris", rating="s", rating_scale="nps-0-10",
    )  # fmt: skip
    assert read_mapping(write_mapping(mapping)) == mapping


@pytest.mark.parametrize(
    "text",
    [
        "txet = 'a'",
        "channel = 'telegraph'",
        "kind = 'song'",
        "rating_scale = 'ten'",
        "constants = {shoe = '44'}",
        "= broken",
        "text = 5",
    ],
)
def test_a_wrong_mapping_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_mapping(text, "my.toml")
    assert refused.value.place == "my.toml"


def test_constants_and_fixed_channel_fill_the_columns(context: Context) -> None:
    mapping = Mapping(text="t", channel="call", constants={"region": "North", "service": "parcel-desk"})
    reading = FORMATS["rows"].read(
        b'{"t": "hello"}', Context("shop", None, context.received_at, mapping=mapping)
    )
    [row] = reading.arrivals.to_pylist()
    assert (row["channel"], row["region"], row["service"]) == ("call", "North", "parcel-desk")


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({"tickets": [{"id": 1}, {"id": 2}], "next": None}, ["$.tickets[0]", "$.tickets[1]"]),
        ({"data": {"children": [{"id": 1}]}}, ["$.data.children[0]"]),
        ({"feed": {"author": {"name": "x"}, "entry": [{"id": 1}]}}, ["$.feed.entry[0]"]),
        ({"text": "hello", "tags": [{"id": 1}]}, ["$"]),
        ({"event": {"text": "hi"}, "authorizations": [{"id": 1}]}, ["$"]),
    ],
)
def test_rows_are_found_inside_their_envelope(document: dict[str, Any], places: list[str]) -> None:
    assert [place for place, _ in find_records(document)] == places


def test_a_row_of_who_and_when_alone_is_refused_with_the_place_of_its_text(context: Context) -> None:
    columns = Mapping(
        id="id", text="said", rating="stars", occurred_at="at", identifiers={"who": "user_id"}, rating_scale="stars-1-5"
    )  # fmt: skip
    given = [
        {"id": "1", "at": "2026-05-04", "who": "u1", "said": ""},
        {"id": "2", "at": "2026-05-04", "who": "u1", "said": "  "},
        {"id": "3", "at": "2026-05-04", "who": "u1", "said": "", "stars": 5},
        {"id": "4", "at": "2026-05-04", "who": "u1", "said": "", "order": "A7"},
        {"id": "5", "who": "u1", "said": ""},
        {"id": "6", "at": "2026-05-04", "who": "u1", "said": "late"},
    ]
    mapped = Context("shop", None, context.received_at, mapping=columns)
    reading = FORMATS["rows"].read(json.dumps(given).encode(), mapped)
    assert [(one.place, one.reason) for one in reading.refused] == [
        ("$[0].said", "nothing said: its text is empty"),
        ("$[1].said", "nothing said: its text is empty"),
    ]
    kinds = {row["signal_id"][-1]: row["kind"] for row in reading.arrivals.to_pylist()}
    assert kinds == {"3": "feedback", "4": "event", "5": "profile", "6": "feedback"}
