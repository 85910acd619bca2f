"""A desk's file that is damaged, gone or closed: said in plain words, with what to do, and never written over."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.serving import allears

from allears.errors import WorldFailed
from allears.journey.backup import backup
from allears.space import Space


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "shop"
    with Space.open(folder) as space:
        space.hear([{"text": "Late again", "identifiers": {"user_id": "u1"}}], source="desk")
        space.digest(look=False)
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "shop"))


def _damage(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    file.unlink()
    if how == "a folder":
        file.mkdir()
    elif how != "gone":
        start = {
            "no database": 0,
            "first pages": 4096,
            "last pages": len(content) // 2,
            "empty": len(content),
        }[how]
        content[start:] = b"\x07" * (len(content) - start)
        file.write_bytes(b"" if how == "empty" else content)


@pytest.mark.parametrize("how", ["no database", "first pages", "last pages", "empty", "gone", "a folder"])
def test_a_desk_that_cannot_be_read_is_told_with_what_to_do(folder: Path, how: str) -> None:
    desk = folder / "desk.db"
    _damage(desk, how)
    before = desk.read_bytes() if desk.is_file() else None
    for words in (["status"], ["backup", str(folder.parent / "copy")], ["issues", "--json"]):
        done = allears(*words, "--space", str(folder), check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        said = " ".join((done.stdout + done.stderr).split())
        assert "the desk" in said and "desk.db" in said
        assert ("look at who owns" if how == "a folder" else "allears restore") in said
    assert not (folder.parent / "copy").exists()
    assert (desk.read_bytes() if desk.is_file() else None) == before


def test_a_page_that_nothing_asks_for_is_noticed_when_a_backup_is_made(folder: Path) -> None:
    desk = folder / "desk.db"
    with closing(sqlite3.connect(desk)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'breaches'").fetchone()
    with desk.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\x07" * 4096)
    with Space.open(folder, create=False) as space, pytest.raises(WorldFailed, match="damaged"):
        backup(space.ground, folder.parent / "copy")
    assert sorted(p.name for p in folder.parent.iterdir()) == ["shop"]


def test_a_space_that_holds_nothing_yet_makes_its_desk(tmp_path: Path) -> None:
    Space.open(tmp_path / "shop").close()
    (tmp_path / "shop" / "desk.db").unlink()
    with Space.open(tmp_path / "shop", create=False) as space:
        assert space.counts()["stored"] == 0
