"""Edits and deletes: the lake holds each message once, as it reads now, whatever the order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from allears.act.issue import record
from allears.desk.hooks import Amendment
from allears.journey import amend
from allears.listen.hook import Parcel, pack
from allears.listen.mapping import read_mapping
from allears.space import Space
from allears.tables import TABLES

NOW = datetime.now(UTC).replace(microsecond=0)
SAID = NOW - timedelta(hours=3)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space") as opened:
        yield opened


def message(number: int, text: str, edited: datetime | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "message_id": number,
        "date": int(SAID.timestamp()),
        "chat": {"id": 5},
        "from": {"id": 70 + number},
        "text": text,
    }
    if edited is not None:
        return {"update_id": 1, "edited_message": told | {"edit_date": int(edited.timestamp())}}
    return {"update_id": 1, "message": told}


def gone(*numbers: int) -> dict[str, Any]:
    return {"update_id": 1, "deleted_business_messages": {"chat": {"id": 5}, "message_ids": list(numbers)}}


def say(space: Space, *updates: dict[str, Any]) -> None:
    for update in updates:
        parcel = pack(Parcel("telegram", "application/json", {}, json.dumps(update).encode()))
        assert space.take("hook", parcel, source="bot").refused == 0


def rows(space: Space, columns: str = "signal_id, kind, text") -> list[tuple[Any, ...]]:
    found = space.ground.engine.query(f"SELECT {columns} FROM signals ORDER BY signal_id").to_pylist()
    return [tuple(row.values()) for row in found]


FIRST = message(1, "the kettle leaks")
SECOND = message(1, "the kettle leaks badly", NOW - timedelta(hours=2))
THIRD = message(1, "the kettle is fine after all", NOW - timedelta(hours=1))


@pytest.mark.parametrize("apart", [True, False], ids=["in batches of their own", "in one batch"])
@pytest.mark.parametrize("order", list(permutations((FIRST, SECOND, THIRD))))
def test_the_latest_version_counts_once_whatever_the_order(
    space: Space, order: tuple[dict[str, Any], ...], apart: bool
) -> None:
    for update in order:
        say(space, update)
        if apart:
            space.digest(look=False)
    space.digest(look=False)
    assert rows(space) == [("bot:5:1", "feedback", "the kettle is fine after all")]
    assert rows(space, "occurred_at") == [(SAID,)]


@pytest.mark.parametrize("apart", [True, False], ids=["in batches of their own", "in one batch"])
@pytest.mark.parametrize("order", list(permutations((FIRST, THIRD, gone(1)))))
def test_what_was_deleted_never_comes_back(
    space: Space, order: tuple[dict[str, Any], ...], apart: bool
) -> None:
    for update in order:
        say(space, update)
        if apart:
            space.digest(look=False)
    space.digest(look=False)
    assert [row for row in rows(space) if row[2] is not None or row[1] == "feedback"] == []


def test_deleted_stays_deleted_after_a_restart(tmp_path: Path) -> None:
    with Space.open(tmp_path / "s") as space:
        say(space, gone(1))
        space.digest(look=False)
    with Space.open(tmp_path / "s") as space:
        say(space, FIRST, THIRD)
        space.digest(look=False)
        assert rows(space) == []


def test_a_new_version_is_redacted_understood_and_sealed_like_the_first(space: Space) -> None:
    say(space, message(1, "all is lovely, thank you"))
    space.digest(look=False)
    say(space, message(1, "terrible, write to bo@example.com", NOW))
    space.digest(look=False)
    ((text, sentiment, language, key, sealed, name),) = rows(
        space, "text, sentiment, language, customer_key, sealed, signal_id"
    )
    assert text == "terrible, write to <EMAIL_1>"
    assert sentiment < 0 and language == "en"
    [plain] = space.ground.vault.open([key], [sealed], "signals.sealed", [name])
    assert plain is not None and json.loads(plain)["text"] == "terrible, write to bo@example.com"


def test_who_said_it_and_when_stays_with_the_first(space: Space) -> None:
    say(space, FIRST)
    space.digest(look=False)
    before = rows(space, "customer_key, occurred_at, received_at, thread, day, identifiers")
    say(space, SECOND)
    space.digest(look=False)
    assert rows(space, "customer_key, occurred_at, received_at, thread, day, identifiers") == before


def test_figures_use_the_current_version(space: Space) -> None:
    say(space, *(message(n, "terrible, it broke") for n in range(1, 5)))
    space.digest(look=False)
    say(space, message(1, "lovely, it works, thank you", NOW), gone(2, 3))
    space.digest(look=False)
    ((messages, unhappy),) = rows_of(space)
    assert (messages, unhappy) == (2, 1)


def rows_of(space: Space) -> list[tuple[Any, ...]]:
    found = space.ground.engine.query(
        "SELECT count(*) FILTER (WHERE kind = 'feedback'), count(*) FILTER (WHERE sentiment < 0) FROM signals"
    ).to_pylist()
    return [tuple(row.values()) for row in found]


def test_an_issue_does_without_what_was_deleted(space: Space) -> None:
    say(space, *(message(n, "the kettle leaks") for n in range(1, 4)))
    space.digest(look=False)
    ids = [f"bot:5:{n}" for n in range(1, 4)]
    keys = dict(rows(space, "signal_id, customer_key"))
    found = TABLES["issues"].rows(
        [
            {
                "issue": "i1",
                "title": "kettle",
                "kind": "issue",
                "detected_at": NOW,
                "signals": 3,
                "customers": 3,
                "signal_ids": ids,
                "exemplars": ids[:2],
            }
        ]
    )
    record(space.ground.desk, found, at=NOW, customers=keys)
    say(space, gone(1))
    space.digest(look=False)
    [issue] = space.issues()
    assert (issue["signals"], issue["customers"], issue["exemplars"]) == (2, 2, [ids[1]])


def test_a_deleted_text_is_gone_from_every_file(space: Space, tmp_path: Path) -> None:
    say(space, message(1, "quillwort umbrage"), message(2, "harmless words"))
    space.digest(look=False)
    space.digester.close()
    [(before,)] = rows(space, "sealed")[:1]
    say(space, gone(1))
    space._digest = None
    space.digest(look=False)
    space.close()
    with Space.open(tmp_path / "space") as again:
        assert found_in(tmp_path / "space", before), "the old file stays for readers that opened it"
        again.tidy(now=True)
        assert rows(again)[0] == ("bot:5:1", "event", None)
        with again.ground.desk.reading() as session:
            assert session.scalars(select(Amendment.replaced_at)).all() == [None]
    assert not found_in(tmp_path / "space", before)
    assert not found_in(tmp_path / "space", b"quillwort")


def found_in(folder: Path, mark: bytes) -> list[Path]:
    """Which files hold these bytes, Parquet pages unpacked."""
    import pyarrow.parquet as pq

    found = [path for path in folder.rglob("*") if path.is_file() and mark in path.read_bytes()]
    for path in folder.rglob("*.parquet"):
        if "_delta_log" not in path.parts:
            for value in pq.ParquetFile(path).read(["text", "sealed"]).to_pylist():
                if mark in (value["text"] or "").encode() or mark == value["sealed"]:
                    found.append(path)
    return found


@pytest.mark.parametrize("step", ["the lake", "the desk", "the commit"])
def test_a_crash_between_any_two_steps_loses_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with Space.open(tmp_path / "s") as space:
        say(space, FIRST, message(3, "three"))
        space.digest(look=False)
        say(space, SECOND, message(2, "edit before create", NOW), gone(3))
        with monkeypatch.context() as broken:
            if step == "the lake":
                broken.setattr(space.ground.store, "amend", crash)
            elif step == "the desk":
                broken.setattr(amend, "_remember", crash)
            else:
                broken.setattr(space.ground.store, "append", crash)
            with pytest.raises(KeyboardInterrupt):
                space.digest(look=False)
    with Space.open(tmp_path / "s") as space:
        space.digest(look=False)
        assert rows(space) == [
            ("bot:5:1", "feedback", "the kettle leaks badly"),
            ("bot:5:2", "feedback", "edit before create"),
            ("bot:5:3", "event", None),
        ]


def test_what_the_watch_remembers_is_the_current_version(space: Space) -> None:
    say(space, message(1, "old words"), message(2, "deleted words"))
    space.digest()
    say(space, message(1, "new words", NOW), gone(2))
    space.digest()
    watch = space.lookout._watch
    assert watch is not None
    held = [text for rows_ in watch._waiting for text in rows_.text]
    held += [text for rows_ in watch._memory._rows.values() for text in rows_.text]
    assert "new words" in held
    assert not {"old words", "deleted words"} & set(held)


# -- through the other doors ---------------------------------------------------------------------------------------------

MAPPED = """
id = "id"
text = "say"
occurred_at = "at"
edited_at = "edited"
deleted = "state"
deleted_when = ["removed"]
channel = "social"
"""


def own(text: str | None, edited: datetime | None = None, deleted: datetime | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"id": 1, "occurred_at": SAID.isoformat(), "channel": "chat", "text": text}
    told |= {"edited_at": edited.isoformat()} if edited else {}
    return told | ({"deleted_at": deleted.isoformat()} if deleted else {})


def row(text: str | None, edited: datetime | None = None, deleted: datetime | None = None) -> dict[str, Any]:
    when = edited or deleted or SAID
    state = "removed" if deleted else "open"
    return {"id": 1, "say": text, "at": SAID.isoformat(), "edited": when.isoformat(), "state": state}


def send(space: Space, door: str, told: dict[str, Any], folder: Path) -> None:
    if door == "signals":
        assert space.take("signals", json.dumps(told).encode(), source="bot").refused == 0
        return
    file = folder / "rows.ndjson"
    file.write_text(json.dumps(told) + "\n", "utf-8")
    assert space.listen(file, source="bot", mapping=read_mapping(MAPPED)).refused == 0


@pytest.mark.parametrize("apart", [True, False], ids=["in batches of their own", "in one batch"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(("door", "write"), [("signals", own), ("file", row)])
def test_a_later_version_counts_once_through_any_door(
    space: Space, tmp_path: Path, door: str, write: Any, order: tuple[int, ...], apart: bool
) -> None:
    said = [
        write("it leaks"),
        write("it leaks badly", edited=NOW - timedelta(hours=2)),
        write("it is fine", edited=NOW),
    ]
    for place in order:
        send(space, door, said[place], tmp_path)
        if apart:
            space.digest(look=False)
    space.digest(look=False)
    assert rows(space) == [("bot:1", "feedback", "it is fine")]
    assert rows(space, "occurred_at") == [(SAID,)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(("door", "write"), [("signals", own), ("file", row)])
def test_what_any_door_deletes_never_comes_back(
    space: Space, tmp_path: Path, door: str, write: Any, order: tuple[int, ...]
) -> None:
    said = [
        write("it leaks"),
        write("it leaks badly", edited=NOW),
        write(None, deleted=NOW - timedelta(hours=1)),
    ]
    for place in order:
        send(space, door, said[place], tmp_path)
        space.digest(look=False)
    assert [found for found in rows(space) if found[2] is not None or found[1] == "feedback"] == []


def test_the_same_file_of_edits_and_deletes_twice_changes_nothing(space: Space, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    told = [
        row("it leaks") | {"id": 2},
        row("it leaks badly", edited=NOW),
        row(None, deleted=NOW) | {"id": 3},
    ]
    file.write_text("\n".join(map(json.dumps, told)), "utf-8")
    first = space.listen(file, source="bot", mapping=read_mapping(MAPPED))
    assert (first.accepted, first.changed, first.duplicates, first.refused) == (1, 2, 0, 0)
    space.digest(look=False)
    before, version = rows(space), space.ground.store.version("signals")
    again = space.listen(file, source="bot", mapping=read_mapping(MAPPED))
    assert (again.accepted, again.changed, again.duplicates, again.refused) == (0, 0, 3, 0)
    space.digest(look=False)
    assert rows(space) == before and space.ground.store.version("signals") == version


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"text": "x", "edited_at": "2026-06-01T10:00:00Z"}, ".id"),
        ({"deleted_at": "2026-06-01T10:00:00Z"}, ".id"),
        ({"id": 1, "deleted_at": "soon"}, ".deleted_at"),
    ],
)
def test_a_change_that_does_not_say_of_what_or_when_is_refused(
    space: Space, told: dict[str, Any], place: str
) -> None:
    receipt = space.take("signals", json.dumps([told, {"id": 9, "text": "good"}]).encode(), source="bot")
    assert (receipt.accepted, receipt.refused) == (1, 1)
    assert receipt.reasons[0]["place"].endswith(place)
