"""Tables read on by a growing column: on SQLite, and on a real PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from tests.listen.pull.test_web import cursor, rows

from allears.errors import NotFound, Refused, WorldFailed
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask

MADE = "CREATE TABLE tickets (id INTEGER PRIMARY KEY, body TEXT, customer_email TEXT, changed_at {time}, seq INTEGER)"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Engine]]:
    if request.param == "sqlite":
        url, engine = "sqlite:///crm.db", create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    else:
        url = request.getfixturevalue("postgres")
        engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS tickets"))
        connection.execute(
            text(MADE.format(time="TIMESTAMP" if request.param == "sqlite" else "TIMESTAMPTZ"))
        )
    yield url, engine
    engine.dispose()


def write(engine: Engine, *found: tuple[int, datetime | None]) -> None:
    with engine.begin() as connection:
        for number, at in found:
            connection.execute(
                text("INSERT INTO tickets VALUES (:n, :b, :e, :t, :n)"),
                {
                    "n": number,
                    "b": f"The lid of order {number} broke",
                    "e": f"a{number}@example.com",
                    "t": at,
                },
            )


def at(minute: int) -> datetime:
    return datetime(2026, 5, 31, 10, minute, tzinfo=UTC)


def ids(pages: list[Any]) -> list[str]:
    return [str(r["signal_id"]).partition(":")[2] for r in rows(pages)]


def read(ask: Callable[..., Ask], url: str, told: dict[str, Any], **options: Any) -> list[Any]:
    given = {"table": "tickets", "cursor": "changed_at", "late": 0} | options
    return list(make(ask("sql", url=url, options=given)).pages(told))


def test_a_table_is_read_on_and_equal_values_are_not_lost(
    place: tuple[str, Engine], ask: Callable[..., Ask]
) -> None:
    url, engine = place
    write(engine, (1, at(1)), (2, at(2)), (3, at(2)))
    pages = read(ask, url, {}, batch=2)
    assert ids(pages) == ["1", "2", "3"]
    first = rows(pages)[0]
    assert (
        first["text"] == "The lid of order 1 broke"
        and {"type": "email", "value": "a1@example.com"} in first["identifiers"]
    )
    write(engine, (4, at(2)), (5, at(3)))
    # Rows that share the last value come again with the one that was written meanwhile: their ids are known.
    assert ids(read(ask, url, cursor(pages), batch=2)) == ["2", "3", "4", "5"]


def test_a_late_row_is_found_within_the_time_it_may_be_late(
    place: tuple[str, Engine], ask: Callable[..., Ask]
) -> None:
    url, engine = place
    write(engine, (1, at(1)), (2, at(30)))
    told = cursor(read(ask, url, {}))
    write(engine, (3, at(25)))
    assert "3" not in ids(read(ask, url, told))
    late = read(ask, url, told, late=600)
    assert ids(late) == ["3", "2"] and cursor(late)["value"] == told["value"]


def test_rows_without_a_value_are_read_each_time(place: tuple[str, Engine], ask: Callable[..., Ask]) -> None:
    url, engine = place
    write(engine, (1, None), (2, at(1)), (3, None))
    pages = read(ask, url, {}, batch=1)
    assert ids(pages) == ["2", "1", "3"]
    assert ids(read(ask, url, cursor(pages))) == ["2", "1", "3"]
    write(engine, (4, None))
    assert "4" in ids(read(ask, url, cursor(pages)))


def test_a_number_can_grow_too_and_the_mapping_stays(
    place: tuple[str, Engine], ask: Callable[..., Ask]
) -> None:
    url, engine = place
    write(engine, *((n, at(n)) for n in range(1, 8)))
    pages = read(ask, url, {}, cursor="seq", batch=3)
    assert ids(pages) == [str(n) for n in range(1, 8)] and cursor(pages)["value"] == ["int", "7"]
    assert 'text = "body"' in cursor(pages)["mapping"]
    assert ids(read(ask, url, cursor(pages), cursor="seq")) == ["7"]


def test_nothing_is_ever_written_there(place: tuple[str, Engine], ask: Callable[..., Ask]) -> None:
    url, engine = place
    write(engine, (1, at(1)))
    read(ask, url, {})
    for name in ("tickets; DROP TABLE tickets", 'tickets" --'):
        with pytest.raises((NotFound, WorldFailed)):
            read(ask, url, {}, table=name)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM tickets")).scalar() == 1


def test_what_is_missing_is_named(place: tuple[str, Engine], ask: Callable[..., Ask]) -> None:
    url, _ = place
    with pytest.raises(NotFound, match="no table `orders`"):
        read(ask, url, {}, table="orders")
    with pytest.raises(Refused, match="no column `when`; there are id, body"):
        read(ask, url, {}, cursor="when")


def test_addresses_are_checked(ask: Callable[..., Ask]) -> None:
    options = {"table": "t", "cursor": "c"}
    for url, said in (("nonsense", "SQLAlchemy URL"), ("postgresql+pg8000://u:p@127.0.0.1/x", "password")):
        with pytest.raises(Refused, match=said):
            make(ask("sql", url=url, options=options))
    with pytest.raises(NotFound, match="no such database file"):
        make(ask("sql", url="sqlite:///nowhere.db", options=options))
    with pytest.raises(WorldFailed) as found:
        list(make(ask("sql", url="postgresql+pg8000://u@127.0.0.1:1/x", options=options)).pages({}))
    assert found.value.again and "127.0.0.1" not in found.value.message


@pytest.mark.parametrize(
    ("values", "why"),
    [((5, "soon"), "several kinds"), ((b"\x00x",), "neither numbers")],
    ids=["mixed", "bytes"],
)
def test_a_cursor_column_without_an_order_is_refused_by_name_not_by_value(
    ask: Callable[..., Ask], tmp_path: Path, values: tuple[Any, ...], why: str
) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as base:
        base.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, at)")
        base.executemany("INSERT INTO notes (body, at) VALUES ('Late parcel', ?)", [(v,) for v in values])
    base.close()
    options = {"table": "notes", "cursor": "at", "batch": 1}
    with pytest.raises(Refused, match=why) as error:
        list(make(ask("sql", url="sqlite:///crm.db", options=options)).pages({}))
    assert "`at`" in str(error.value) and "soon" not in str(error.value)


def test_an_endless_number_costs_no_row(ask: Callable[..., Ask], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as base:
        base.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, weight NUMERIC)")
        base.executemany("INSERT INTO notes (body, weight) VALUES ('Late parcel', ?)", [(1e400,), (2,)])
    base.close()
    options = {"table": "notes", "cursor": "id"}
    [page] = make(ask("sql", url="sqlite:///crm.db", options=options)).pages({})
    assert len(page.reading) == 2 and page.reading.refused == []
