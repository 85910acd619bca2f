"""The Python door as the design shows it: each stage alone, on lists and on Arrow; a space's signals in any reader."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import allears
from allears.clock import SetClock
from allears.errors import NotFound
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TEXTS = ["Your app crashes all the time, write to ada@example.com", None, "Wonderful service, thank you!", ""]
FORMS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "array": pa.array,
    "chunks": lambda values: pa.chunked_array([values[:1], values[1:]]),
}


@pytest.mark.parametrize("form", FORMS)
def test_texts_are_read_alone(form: str) -> None:
    from allears import understand

    found = understand.read(FORMS[form](TEXTS))
    assert found.schema.names == ["language", "language_p", "sentiment", "sentiment_p", "topics"]
    rows = found.to_pylist()
    assert len(rows) == len(TEXTS)
    assert rows[0]["language"] == "en" and rows[0]["sentiment"] < 0 < rows[2]["sentiment"]
    assert rows[0]["topics"]
    assert rows[1] == rows[3] == dict.fromkeys(found.schema.names)


@pytest.mark.parametrize("form", FORMS)
def test_texts_are_redacted_alone(form: str) -> None:
    from allears import guard

    texts, spans = guard.redact(FORMS[form](TEXTS))
    assert texts == ["Your app crashes all the time, write to <EMAIL_1>", None, *TEXTS[2:]]
    [span] = spans[0]
    assert (TEXTS[0] or "")[span.start : span.end] == "ada@example.com"
    assert spans[1:] == [[], [], []]


@pytest.mark.parametrize("form", FORMS)
def test_a_series_is_scored_alone(form: str) -> None:
    from allears import foresee

    times = [NOW + timedelta(hours=hour) for hour in range(240)]
    counts = [20 + hour % 3 + (70 if hour == 200 else 0) for hour in range(240)]
    scores = foresee.surprises(FORMS[form](times), FORMS[form](counts))
    assert len(scores) == 240
    assert int(np.argmax(scores)) == 200
    assert 0 <= scores.min() <= scores.max() <= 1


@pytest.mark.parametrize("form", [list, pa.Table.from_pylist, pa.RecordBatch.from_pylist])
def test_records_are_resolved_alone(form: Callable[[list[Any]], Any]) -> None:
    from allears import know

    records = [
        {"email": "Ada@shop.example", "phone": "+12025550143", "name": "Ada"},
        {"email": None, "phone": None, "name": "Ada"},
        {"email": None, "phone": "(202) 555-0143", "name": "A. L."},
        {"email": "ada@shop.example", "phone": None, "name": None},
    ]
    assert know.resolve(form(records)) == [0, 1, 0, 0]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    folder: Path = tmp_path_factory.mktemp("door") / "acme"
    with Space.open(folder, clock=SetClock(NOW)) as space:
        rows = [
            {"signal_id": f"s{n}", "text": f"the parcel number {n} is late", "channel": ("social", "chat")[n % 2],
             "occurred_at": (NOW - timedelta(hours=n)).isoformat(), "identifiers": {"email": ("ada@example.com", "bob@example.com")[n > 3]}}
            for n in range(6)
        ]  # fmt: skip
        space.hear(rows, source="desk")
        space.digest(look=False)
        yield space


def test_the_names_of_the_door() -> None:
    assert callable(allears.open)
    assert allears.Space is Space


def test_signals_are_filtered_and_grouped_as_an_ibis_table(space: Space) -> None:
    import ibis

    assert isinstance(space.signals, ibis.Table)
    social = space.signals.filter(lambda t: t.channel == "social")
    counted = social.group_by("source").agg(n=lambda t: t.count()).to_pyarrow()
    assert counted.to_pylist() == [{"source": "desk", "n": 3}]


@pytest.mark.parametrize(
    ("reader", "call"), [("pyarrow", "to_pyarrow"), ("pandas", "to_pandas"), ("polars", "to_polars")]
)
def test_signals_go_into_any_reader(reader: str, call: str, space: Space) -> None:
    if importlib.util.find_spec(reader) is None:
        pytest.skip(f"{reader} is not installed")
    chosen = space.signals.filter(lambda t: t.channel == "social").select("signal_id", "text")
    found = getattr(chosen, call)()
    assert type(found).__module__.partition(".")[0] == reader
    assert sorted(found["signal_id"].to_numpy().tolist()) == ["desk:s0", "desk:s2", "desk:s4"]


def test_a_customer_is_found_by_any_identifier_with_all_they_said(space: Space) -> None:
    rows = space.customer(" ADA@example.com ").timeline().to_pylist()
    assert [row["signal_id"] for row in rows] == [f"desk:s{n}" for n in range(4)]
    assert {row["channel"] for row in rows} == {"social", "chat"}
    with pytest.raises(NotFound):
        space.customer("nobody@example.com")
