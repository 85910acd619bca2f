"""A watched folder: half-written files, the same file twice, files nobody can read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.listen.pull.conftest import NOW
from tests.listen.pull.test_web import cursor, rows

from allears.errors import NotFound, Refused
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask

CSV = "id,comment\n1,The lid broke\n2,It came late\n"


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


def put(path: Path, content: str = CSV, age: float = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    os.utime(path, (NOW.timestamp() - age,) * 2)
    return path


def look(ask: Callable[..., Ask], told: dict[str, Any] | None = None, **options: Any) -> list[Any]:
    return list(make(ask("folder", url="drop", options=options)).pages(told or {}))


def texts(pages: list[Any]) -> list[str]:
    return [str(r["text"]) for r in rows(pages)]


def test_a_file_is_taken_once_and_again_when_it_grew(drop: Path, ask: Callable[..., Ask]) -> None:
    put(drop / "a.csv")
    pages = look(ask)
    assert texts(pages) == ["The lid broke", "It came late"]
    told = cursor(pages)
    assert look(ask, told) == []
    put(drop / "a.csv", CSV + "3,Nobody answers\n", age=30)
    grown = look(ask, told)
    # Its first rows come again, under the ids they had.
    assert [r["signal_id"] for r in rows(grown)] == ["mentions:1", "mentions:2", "mentions:3"]


def test_a_file_still_being_written_waits(drop: Path, ask: Callable[..., Ask]) -> None:
    put(drop / "a.csv", age=1)
    put(drop / "b.csv.part")
    put(drop / ".hidden.csv")
    assert look(ask) == []
    assert texts(look(ask, settle_seconds=0.5)) == ["The lid broke", "It came late"]


def test_a_file_that_changes_while_it_is_read_is_not_remembered(drop: Path, ask: Callable[..., Ask]) -> None:
    path = put(drop / "a.csv")
    pages = make(ask("folder", url="drop")).pages({})
    found = [next(pages)]
    put(path, CSV + "3,Nobody answers\n", age=20)
    found += list(pages)
    assert cursor(found) == {}
    assert len(rows(look(ask))) == 3


def test_what_was_taken_can_be_moved_away(drop: Path, ask: Callable[..., Ask]) -> None:
    put(drop / "x" / "a.csv")
    told = cursor(look(ask, then="move"))
    assert (drop / "taken" / "x" / "a.csv").is_file() and not (drop / "x" / "a.csv").exists()
    assert look(ask, told, then="move") == []
    put(drop / "x" / "a.csv", CSV.replace("1,", "7,"))
    look(ask, told, then="move")
    assert sorted(p.name for p in (drop / "taken" / "x").iterdir()) == ["a-2.csv", "a.csv"]


def test_a_file_nobody_can_read_keeps_no_other_waiting(drop: Path, ask: Callable[..., Ask]) -> None:
    (drop / "a.parquet").write_bytes(b"PAR1 not really")
    os.utime(drop / "a.parquet", (NOW.timestamp() - 60,) * 2)
    put(drop / "b.csv", "")
    put(drop / "c.csv")
    pages = look(ask)
    assert texts(pages) == ["The lid broke", "It came late"]
    assert sum(len(page.reading.refused) for page in pages) == 2
    assert look(ask, cursor(pages)) == []


def test_only_what_is_asked_for_is_taken_and_links_lead_nowhere(
    drop: Path, tmp_path: Path, ask: Callable[..., Ask]
) -> None:
    put(drop / "reviews_1.csv")
    put(drop / "sales.csv")
    put(tmp_path / "secret" / "reviews_2.csv", "id,comment\n9,secret\n")
    (drop / "reviews_3.csv").symlink_to(tmp_path / "secret" / "reviews_2.csv")
    (drop / "link").symlink_to(tmp_path / "secret")
    assert texts(look(ask, pattern="reviews_*")) == ["The lid broke", "It came late"]


def test_a_crash_between_two_files_repeats_only_the_second(drop: Path, ask: Callable[..., Ask]) -> None:
    put(drop / "a.csv")
    put(drop / "b.csv", "id,comment\n8,Too slow\n")
    pages = look(ask)
    first = next(page.cursor for page in pages if page.cursor is not None)
    assert texts(look(ask, first)) == ["Too slow"]


def test_google_plays_export_is_read_as_it_comes(drop: Path, ask: Callable[..., Ask]) -> None:
    columns = "Package Name,App Version Code,App Version Name,Reviewer Language,Device,Review Submit Date and Time,Review Submit Millis Since Epoch,Review Last Update Date and Time,Review Last Update Millis Since Epoch,Star Rating,Review Title,Review Text,Developer Reply Date and Time,Developer Reply Millis Since Epoch,Developer Reply Text,Review Link"
    row = "com.acme,31,3.1,en,pixel,2026-05-30T08:00:00Z,1780128000000,2026-05-30T08:00:00Z,1780128000000,2,,Crashes since the update,,,,http://play.example/review?reviewId=abc"
    path = drop / "reviews_reviews_com.acme_202605.csv"
    path.write_bytes(f"{columns}\n{row}\n".encode("utf-16"))
    os.utime(path, (NOW.timestamp() - 60,) * 2)
    [found] = rows(look(ask, pattern="reviews_*.csv"))
    assert (found["text"], found["rating"], found["rating_scale"]) == (
        "Crashes since the update",
        0.25,
        "stars-1-5",
    )


def test_a_folder_must_be_there_and_not_be_the_spaces_own(ask: Callable[..., Ask]) -> None:
    with pytest.raises(NotFound):
        make(ask("folder", url="nowhere"))
    for url in (".", ".."):
        with pytest.raises(Refused, match="own folder"):
            make(ask("folder", url=url))


def test_a_file_put_in_place_of_another_with_its_size_and_time_is_taken(
    drop: Path, ask: Callable[..., Ask]
) -> None:
    put(drop / "a.csv")
    told = cursor(look(ask))
    put(drop / "b.csv.part", CSV.replace("late", "soon")).rename(drop / "a.csv")
    assert texts(look(ask, told)) == ["The lid broke", "It came soon"]


def test_the_cursor_of_many_files_is_not_written_after_each(drop: Path, ask: Callable[..., Ask]) -> None:
    for number in range(200):
        put(drop / f"{number}.jsonl", f'{{"text": "number {number}"}}\n')
    pages = look(ask)
    told = [page.cursor for page in pages if page.cursor is not None]
    assert len(rows(pages)) == 200 and len(told) < 80
    assert len(told[-1]["files"]) == 200 and look(ask, told[-1]) == []


def test_what_goes_away_meanwhile_is_nobodys_trouble(drop: Path, ask: Callable[..., Ask]) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        put(drop / name, CSV.replace("lid", f"lid of {name}"))
    pages = make(ask("folder", url="drop")).pages({})
    found = [next(pages)]
    (drop / "b.csv").unlink()
    found += pages
    assert sorted(texts(found)) == ["It came late"] * 2 + ["The lid of a.csv broke", "The lid of c.csv broke"]
    assert not [r for page in found for r in page.reading.refused]


def test_a_folder_nobody_lets_us_into_is_noted_and_the_others_are_read(
    drop: Path, ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(drop / "closed" / "a.csv")
    put(drop / "open" / "a.csv")
    enter = os.scandir

    def scandir(path: Any) -> Any:  # the tests may run as root, to whom nothing is closed
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return enter(path)

    monkeypatch.setattr(os, "scandir", scandir)
    pages = look(ask)
    assert texts(pages) == ["The lid broke", "It came late"]
    assert [(r.place, r.reason) for page in pages for r in page.reading.refused] == [
        ("closed", "the folder cannot be entered")
    ]
