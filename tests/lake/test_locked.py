"""A user's SQL reads the tables it was given and nothing else, however it is written."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from allears.errors import Refused
from allears.lake import EVERYTHING, Engine, Shown, Store
from allears.tables import TABLES


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, str]]:
    store = Store(tmp_path_factory.mktemp("lake") / "lake")
    rows = [
        {
            "signal_id": f"s{n}",
            "day": "2026-01-01",
            "region": ("DE", "FR")[n % 2],
            "text": f"zq{n}",
            "properties": "{}",
        }
        for n in range(4)
    ]
    store.append("signals", TABLES["signals"].rows(rows))
    engine = Engine(store)
    yield engine, store.files("signals")[0].removeprefix("file://")
    engine.close()


def ask(engine: Engine, text: str, shown: Shown = EVERYTHING) -> pa.Table:
    return engine.sql(text, {"issues": lambda: pa.table({"id": ["i1"]})}, seconds=20, shown=shown)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT text FROM read_parquet('{file}')",
        "SELECT text FROM parquet_scan('{file}')",
        "SELECT text FROM '{file}'",
        "SELECT (SELECT max(text) FROM read_parquet('{file}')) FROM signals",
        "WITH s AS (SELECT * FROM read_parquet('{file}')) SELECT text FROM s",
        'SELECT * FROM (WITH "{file}" AS (SELECT 1 AS text) SELECT 1), "{file}"',
        "SELECT 1 UNION ALL SELECT text FROM read_parquet('{file}')",
        "SUMMARIZE '{file}'",
        "EXPLAIN ANALYZE SELECT text FROM read_parquet('{file}')",
        "EXPLAIN SELECT count(*) FROM signals WHERE text = 'a'",
        "EXPLAIN ANALYZE SELECT count(*) FROM signals WHERE text = 'a'",
        "SELECT view_definition FROM information_schema.views",
        "SELECT * FROM query('SELECT text FROM signals')",
        "SELECT * FROM query_table('sight_of_reader')",
        "SELECT content FROM read_blob('{file}')",
        "SELECT * FROM glob('{file}')",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM sight_of_reader",
        "SELECT * FROM main.sight_of_reader",
        "WITH sight_of_reader AS (SELECT 1) SELECT * FROM main.sight_of_reader",
        "SELECT * FROM SIGHT_OF_READER",
        "FROM signals WHERE text IN (FROM read_csv('{file}'))",
        "PIVOT signals ON text",
        "COPY signals TO 'x.csv'",
    ],
)
def test_no_question_reads_past_its_tables(lake: tuple[Engine, str], text: str) -> None:
    engine, file = lake
    shown = Shown({"signals": "region = $here"}, {"here": "DE"}, {"signals": {"text": "'hidden'"}})
    with pytest.raises(Refused) as raised:
        ask(engine, text.format(file=file), shown)
    assert "zq" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT count(*) FROM signals", 1),
        ("FROM signals", 4),
        ("WITH mine AS (SELECT * FROM signals), more AS (SELECT * FROM mine) SELECT * FROM more", 4),
        ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t", 5),
        ("SELECT unnest([1, 2, 3])", 3),
        ("SELECT * FROM range(3) r JOIN main.signals s ON s.signal_id = 's' || r.range", 3),
        ("SELECT * FROM (VALUES (1), (2)) v", 2),
        ("SELECT i.id, s.text FROM issues i CROSS JOIN Signals s", 4),
        ("DESCRIBE issues", 1),
        ("SELECT region, count(*) FROM signals GROUP BY ALL HAVING count(*) > 1", 2),
        ("SELECT * FROM signals PIVOT (count(*) FOR region IN ('DE', 'FR'))", 4),
        ("SELECT table_name FROM information_schema.tables WHERE table_name = 'signals'", 1),
    ],
)
def test_whatever_is_asked_of_its_tables_is_answered(lake: tuple[Engine, str], text: str, rows: int) -> None:
    assert ask(lake[0], text).num_rows == rows


def test_what_is_shown_of_a_table_is_all_there_is_of_it(lake: tuple[Engine, str]) -> None:
    shown = Shown(
        {"signals": "region = $here"}, {"here": "DE"}, {"signals": {"text": "'hidden'", "properties": "NULL"}}
    )
    found = ask(
        lake[0], "SELECT signal_id, text, properties FROM signals ORDER BY signal_id", shown
    ).to_pylist()
    assert found == [{"signal_id": s, "text": "hidden", "properties": None} for s in ("s0", "s2")]
    for text in ("zq1", "zq0"):
        assert ask(lake[0], f"SELECT * FROM signals WHERE text = '{text}'", shown).num_rows == 0


def test_a_condition_sees_a_column_that_the_reader_does_not(lake: tuple[Engine, str]) -> None:
    shown = Shown({"signals": "text = $mine"}, {"mine": "zq3"}, {"signals": {"text": "'hidden'"}})
    assert ask(lake[0], "SELECT signal_id, text FROM signals", shown).to_pylist() == [
        {"signal_id": "s3", "text": "hidden"}
    ]
