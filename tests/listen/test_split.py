from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from allears.listen.split import array_start, elements, stream_elements

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=8))
def test_elements_are_those_that_json_finds(rows: list[object]) -> None:
    found = elements(json.dumps(rows).encode())
    assert found is not None
    assert [json.loads(part) for part in found] == rows


@given(st.lists(VALUES, max_size=8), st.integers(1, 40))
def test_streaming_finds_the_same_whatever_the_chunks(rows: list[object], size: int) -> None:
    body = json.dumps(rows, ensure_ascii=False).encode()
    chunks = [body[i : i + size] for i in range(0, len(body), size)]
    assert [json.loads(part) for part in stream_elements(chunks, 1 << 20) if part is not None] == rows


def test_ten_thousand_levels_are_cut_without_recursion() -> None:
    deep = b"[" * 10_000 + b"]" * 10_000
    assert elements(b"[1," + deep + b",2]") == [b"1", deep, b"2"]


def test_an_array_without_end_is_no_array() -> None:
    assert elements(b'[1, {"a": "unclosed}') is None
    assert list(stream_elements([b"[1, 2"], 100)) == [b"1", None]


def test_an_element_that_is_too_long_is_passed_over() -> None:
    chunks = [b'[{"a": 1}, {"b": "'] + [b"x" * 1000] * 50 + [b'"}, {"c": 3}]']
    assert list(stream_elements(chunks, 5000)) == [b'{"a": 1}', None, b'{"c": 3}']


def test_a_name_inside_a_string_is_not_the_array() -> None:
    body = b'{"note": "batch: [", "in": {"batch": [0]}, "batch" : [1]}'
    start = array_start(body, "batch")
    assert start is not None
    assert elements(body, start) == [b"1"]
