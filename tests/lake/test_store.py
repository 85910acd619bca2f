from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from allears.errors import NotReady, Refused
from allears.lake import Engine, Seen, Store
from allears.tables import table

SIGNALS = table("signals")
DAY = datetime(2026, 6, 1, tzinfo=UTC)


def batch(ids: list[str], day: int = 0) -> pa.RecordBatch:
    moment = DAY + timedelta(days=day)
    n = len(ids)
    return SIGNALS.arrays(
        {"signal_id": ids, "occurred_at": [moment] * n, "received_at": [moment] * n, "channel": ["chat"] * n, "sealed": [b"secret"] * n,
         "day": [moment.strftime("%Y-%m-%d")] * n},
        n,
    )  # fmt: skip


def test_rows_come_back_with_every_column(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append("signals", batch(["a", "b"]))
    with_engine = Engine(store)
    assert with_engine.arrow(with_engine.table("signals")).schema.names == SIGNALS.schema.names
    assert with_engine.query("SELECT count(*) AS n FROM signals")["n"].to_pylist() == [2]


def test_a_commit_carries_how_far_a_segment_was_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.position("signals", "s1") == 0
    store.append("signals", batch(["a"]), {"s1": 120, "s2": 7})
    assert (store.position("signals", "s1"), store.position("signals", "s2")) == (120, 7)
    assert Store(tmp_path).position("signals", "s1") == 120


def test_an_empty_table_answers_with_no_rows(tmp_path: Path) -> None:
    engine = Engine(Store(tmp_path))
    assert engine.arrow(engine.table("signals")).num_rows == 0


def test_new_commits_are_seen_at_the_next_question(tmp_path: Path) -> None:
    store = Store(tmp_path)
    engine = Engine(store)
    for count in range(1, 4):
        store.append("signals", batch([f"id{count}"], day=count))
        assert engine.arrow(engine.table("signals")).num_rows == count


def test_compaction_keeps_rows_and_joins_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(6):
        store.append("signals", batch([f"id{number}"]))
    before = len(store.files("signals"))
    store.compact("signals")
    assert len(store.files("signals")) < before
    engine = Engine(store)
    assert sorted(engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist()) == [
        f"id{n}" for n in range(6)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "copy (select 1) to '/tmp/allears-out.csv'",
        "attach '/tmp/allears-other.db'",
        "install httpfs",
        "select 1; select 2",
        "drop view signals",
        "set memory_limit='100GB'",
        "select sealed from signals",
        "select * from read_text('/proc/self/environ')",
        "not sql at all",
    ],
)
def test_a_users_sql_reaches_nothing_but_the_tables(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    store.append("signals", batch(["a"]))
    with pytest.raises(Refused):
        Engine(store).sql(text, {})


def test_one_value_of_a_users_sql_cannot_take_all_the_memory(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"[Mm]emory"):
        Engine(Store(tmp_path), memory_mb=64).sql("select length(repeat('x', 3500000000))", {})


def test_half_a_surrogate_in_a_users_sql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        Engine(Store(tmp_path)).sql("select '\ud800'", {})


def test_a_users_sql_sees_lake_and_given_tables(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append("signals", batch(["a"]))
    cases = pa.table({"case": ["k1"]})
    found = Engine(store).sql(
        'select s.signal_id, c."case" from signals s, cases c', {"cases": lambda: cases}
    )
    assert found.to_pylist() == [{"signal_id": "a", "case": "k1"}]


def test_a_long_question_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(NotReady):
        Engine(Store(tmp_path)).sql(
            "select count(*) from range(100000000) a, range(100000) b where a.range % 7 = b.range % 5",
            {},
            seconds=0.3,
        )


def test_seen_agrees_with_a_set() -> None:
    random = np.random.default_rng(1)
    seen, known = Seen(), set()
    for _ in range(50):
        hashes = random.integers(0, 5000, size=200, dtype=np.uint64)
        new = seen.add(hashes)
        for value, is_new in zip(hashes.tolist(), new.tolist(), strict=True):
            assert is_new == (value not in known)
            known.add(value)
    assert len(seen) == len(known)


def test_a_long_question_draws_nothing_into_the_answer(tmp_path: Path) -> None:
    engine = Engine(Store(tmp_path))
    asked = "SELECT current_setting('enable_progress_bar_print') AS drawn"
    assert engine.query(asked)["drawn"].to_pylist() == [False]
    assert engine._ibis.raw_sql(asked).fetchall() == [(False,)]


def test_every_file_of_signals_says_which_customers_it_may_hold(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for part in range(3):
        store.append("signals", batch([f"p{part}-{i}" for i in range(4)]))
    seen = store.files("signals")
    store.compact("signals")
    store.empty("signals", ["text"], "signal_id = 'p0-0'")
    files = [f.removeprefix("file://") for f in [*seen, *store.files("signals")]]
    found = duckdb.execute(
        "SELECT bloom_filter_length FROM parquet_metadata($files) WHERE path_in_schema = 'customer_key'",
        {"files": files},
    ).fetchall()
    assert len(found) == len(files) and all(length and length > 0 for (length,) in found)


def test_who_is_sought_is_found_in_every_part_of_a_file(tmp_path: Path) -> None:
    # More rows than a part of a file holds, one of everybody in each part.
    store = Store(tmp_path)
    n = 40_000
    moment = DAY
    keys = [f"c_{i % 500}" for i in range(n)]
    store.append(
        "signals",
        SIGNALS.arrays(
            {"signal_id": [f"s{i}" for i in range(n)], "occurred_at": [moment] * n, "customer_key": keys, "day": [f"{moment:%Y-%m-%d}"] * n},
            n,
        ),
    )  # fmt: skip
    engine = Engine(store)
    for key, expected in (("c_7", 80), ("c_499", 80), ("c_500", 0)):
        found = engine.query("SELECT count(*) AS n FROM signals WHERE customer_key = $k", k=key)
        assert found["n"].to_pylist() == [expected]
