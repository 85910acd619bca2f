"""Whatever is sent: rows or refusals come out, never an exception, and nothing is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allears.listen import FORMATS, Context, plan_file, read_file
from allears.listen.mapping import Mapping
from allears.tables.signals import ARRIVALS

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["2026-05-01T10:00:00Z", "track", "identify", "ada@example.com", "5", "in", "out", "false", "review"]
    )
)
NAMES = st.sampled_from(
    ["text", "rating", "id", "userId", "event", "type", "properties", "context", "traits", "occurred_at", "timestamp", "channel", "identifiers", "name", "thread", "reach", "os", "app", "device", "user", "author", "created_at", "score", "answers", "0", "entry", "changes", "value", "followers_count", "in_reply_to_id", "ok", "duration_ms", "region"]
) | st.text(max_size=6)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=8)
CALM = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def survives(name: str, body: bytes, context: Context) -> None:
    checked = FORMATS[name].check(body, context)
    assert checked.refused or checked.keep is body
    if checked.keep:
        reading = FORMATS[name].read(checked.keep, context)
        assert reading.arrivals.schema == ARRIVALS.schema
        reading.arrivals.validate(full=True)
        assert reading.arrivals.num_rows + len(reading.refused) >= min(checked.accepted, 1)
        for properties in reading.arrivals.column("properties").to_pylist():
            assert properties is None or isinstance(json.loads(properties), dict)


@CALM
@given(st.lists(OBJECTS, max_size=4))
@pytest.mark.parametrize("name", ["segment", "signals", "rows"])
def test_no_json_breaks_a_reader(name: str, context: Context, rows: list[dict[str, Any]]) -> None:
    survives(name, json.dumps({"batch": rows} if name == "segment" else rows).encode(), context)


@CALM
@given(OBJECTS)
def test_no_call_breaks_segment(context: Context, call: dict[str, Any]) -> None:
    survives(
        "segment",
        json.dumps(call | {"type": "track", "event": "NPS Answered", "userId": "u"}).encode(),
        context,
    )


@CALM
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"{", b"[", b'{"batch":[', b"From x 10:00\n", b"\n\x10"])
)
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_bytes_break_a_reader(name: str, context: Context, body: bytes, start: bytes) -> None:
    survives(name, start + body, context)
    FORMATS[name].read(start + body, context)


@CALM
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"id,text\n1,fine words\n", b'{"a": 1}\n', b"[", b"\xff\xfe", b"PAR1", b"\x1f\x8b\x08\x00"]
    ),
)
@pytest.mark.parametrize(
    "suffix", [".csv", ".tsv", ".json", ".ndjson", ".eml", ".mbox", ".txt", ".parquet", ""]
)
def test_no_file_breaks_the_file_reader(
    suffix: str, tmp_path_factory: pytest.TempPathFactory, context: Context, body: bytes, start: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    path.write_bytes(start + body)
    for reading in read_file(plan_file(path), context):
        reading.arrivals.validate(full=True)
        assert all(x.place and x.reason for x in reading.refused)


@CALM
@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.integers(0, 10)), max_size=20))
def test_what_signals_carry_comes_out_again(context: Context, said: list[tuple[str, int]]) -> None:
    rows = [
        {"id": i, "text": text, "rating": n, "rating_scale": "nps-0-10"} for i, (text, n) in enumerate(said)
    ]
    body = "\n".join(json.dumps(row) for row in rows).encode()
    found = FORMATS["signals"].read(body, context).arrivals.to_pylist()
    assert [(row["signal_id"], row["rating"]) for row in found] == [
        (f"shop:{i}", n / 10) for i, (_, n) in enumerate(said)
    ]
    assert [row["text"] for row in found] == [
        text.replace("\0", "") if text.strip() else None for text, _ in said
    ]


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("signals", rb'[{"text": "cut \ud83d"}, {"text": "whole \ud83d\ude00"}]'),
        ("rows", b'{"text": "cut \\ud83d"}\n{"text": "whole \\ud83d\\ude00"}\n'),
        ("segment", rb'{"batch": [{"type": "track", "event": "cut \ud83d", "userId": "u"}, {"type": "track", "event": "whole \ud83d\ude00", "userId": "u"}]}'),
        ("segment", rb'{"type": "track", "event": "cut \ud83d", "userId": "u"}'),
    ],
    ids=["signals", "rows", "segment", "one call"],
)  # fmt: skip
def test_half_an_emoji_costs_its_letter_at_every_door_and_never_the_row(
    door: str, body: bytes, context: Context
) -> None:
    if door == "rows":
        context = msgspec.structs.replace(context, mapping=Mapping(text="text"))
    checked = FORMATS[door].check(body, context)
    assert not checked.refused
    # What is kept is what can be read again later, as the digest does.
    for kept in (checked.keep, body):
        reading = FORMATS[door].read(kept, context)
        said = [row["text"] or row["name"] for row in reading.arrivals.to_pylist()]
        assert not reading.refused
        assert said == ["cut �", "whole \U0001f600"][: checked.accepted]
