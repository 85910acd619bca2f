"""A lake that a newer version, or another program, changed: said in words, left as it is, and nothing told meanwhile is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allears.errors import Refused, WorldFailed
from allears.space import Space

Action = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Space.open(tmp_path / "acme") as opened:
        say(opened, 1)
        opened.digest(look=False)
    return tmp_path / "acme"


def say(space: Space, number: int) -> None:
    row = {"signal_id": str(number), "text": "hello", "channel": "chat", "identifiers": {"user_id": "ada"}}
    space.hear([row], source="shop")


def log_of(folder: Path) -> Path:
    return folder / "lake" / "signals" / "_delta_log"


def commit(folder: Path, *actions: Action) -> Path:
    """Write what a newer version might: the next commit of the table's log."""
    log = log_of(folder)
    path = log / f"{len(list(log.glob('*.json'))):020d}.json"
    path.write_text("\n".join(json.dumps(a) for a in actions) + "\n", "utf-8")
    return path


def changed(folder: Path, change: Any) -> Action:
    first = [json.loads(line) for line in (log_of(folder) / f"{0:020d}.json").read_text("utf-8").splitlines()]
    action: Action = next(a for a in first if "metaData" in a)
    schema = json.loads(action["metaData"]["schemaString"])
    change(schema["fields"])
    action["metaData"]["schemaString"] = json.dumps(schema)
    return action


def column(fields: list[Action]) -> None:
    fields.append({"name": "hologram", "type": "string", "nullable": True, "metadata": {}})


def other_type(fields: list[Action]) -> None:
    next(f for f in fields if f["name"] == "rating")["type"] = "string"


def protocol(reader: int, writer: int, **features: list[str]) -> Action:
    return {"protocol": {"minReaderVersion": reader, "minWriterVersion": writer} | features}


CHANGES = {
    "a column": (lambda s: changed(s, column), "hologram"),
    "a type": (lambda s: changed(s, other_type), "rating"),
    "a way to read": (
        lambda s: protocol(3, 7, readerFeatures=["quantum"], writerFeatures=["quantum"]),
        "features",
    ),
    "a reader": (lambda s: protocol(9, 9), "features"),
    "a way to write": (lambda s: protocol(1, 7, writerFeatures=["quantum"]), "features"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "before it starts"])
def test_a_lake_of_a_newer_version_is_left_alone_and_nothing_is_lost(
    folder: Path, name: str, running: bool
) -> None:
    made, word = CHANGES[name]
    path = None if running else commit(folder, made(folder))
    with Space.open(folder) as space:
        if path is None:
            assert space.customer("ada").timeline().num_rows == 1
            path = commit(folder, made(folder))
        before = state(folder)
        say(space, 2)  # the door is open: what is told waits in the inbox
        refuses(lambda: space.digest(look=False), word)
        refuses(lambda: space.ground.store.compact("signals"), word)
        if name == "a way to write":  # what may be read is read
            assert space.customer("ada").timeline().num_rows == 1
        else:
            refuses(lambda: space.customer("ada").timeline(), word)
            refuses(lambda: space.sql("SELECT count(*) FROM signals"), word)
        assert state(folder) == before
    path.unlink()  # as if the newer version had been put in place: it reads what waited
    with Space.open(folder) as again:
        again.digest(look=False)
        assert again.customer("ada").timeline().num_rows == 2


def test_a_log_that_cannot_be_read_is_said_and_costs_nothing(folder: Path) -> None:
    path = log_of(folder) / f"{1:020d}.json"
    path.write_text('{"add": not json', "utf-8")
    with Space.open(folder) as space:
        say(space, 2)
        with pytest.raises(WorldFailed, match="cannot be read"):
            space.digest(look=False)
    path.unlink()
    with Space.open(folder) as again:
        again.digest(look=False)
        assert again.customer("ada").timeline().num_rows == 2


def refuses(ask: Callable[[], Any], word: str) -> None:
    with pytest.raises(Refused, match=f"newer Allears.*{word}"):
        ask()


def state(folder: Path) -> dict[str, str]:
    """Every file of the table, by its content."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted((folder / "lake" / "signals").rglob("*"))
        if p.is_file()
    }
