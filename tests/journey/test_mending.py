"""A mapping is mended, and what it refused comes in: from the command's Space, and as a server beside it sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from allears.errors import NotFound, Refused
from allears.listen.mapping import read_mapping
from allears.space import Space

WRONG = 'id = "id"\ntext = "said"\noccurred_at = "by"\n'
RIGHT = 'id = "id"\ntext = "said"\noccurred_at = "at"\n'
ROWS = [{"id": n, "said": f"number {n}", "by": "Bo", "at": "2026-05-04"} for n in range(3)]


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as opened:
        yield opened


def texts(space: Space) -> list[str]:
    space.digest(look=False)
    return space.sql("SELECT text FROM signals ORDER BY text").column("text").to_pylist()


def spoil_file(space: Space) -> None:
    path = space.ground.folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    assert space.listen(path, source="shop", mapping=read_mapping(WRONG)).refused == 3


def test_a_files_mapping_is_shown_mended_and_its_rows_come_in(space: Space) -> None:
    spoil_file(space)
    assert space.replay("shop").accepted == 0
    shown = space.mapping("shop")
    assert shown is not None and 'occurred_at = "by"' in shown
    space.mend("shop", shown.replace('"by"', '"at"'))
    assert space.replay("shop").accepted == 3 and space.refused() == []
    assert texts(space) == ["number 0", "number 1", "number 2"]
    assert "mapping.mend" in [entry.action for entry in space.ground.audit.entries(5)]


def test_what_one_process_mends_another_replays_and_digests_by(space: Space) -> None:
    with Space.open(space.ground.folder) as server:
        spoil_file(space)
        assert server.replay("shop").accepted == 0
        space.mend("shop", RIGHT)
        assert server.replay("shop").accepted == 3
        space.mend("shop", WRONG)
        assert server.mapping("shop") == space.mapping("shop")


def test_a_mapping_that_is_none_changes_nothing(space: Space) -> None:
    spoil_file(space)
    before = space.mapping("shop")
    for wrong in ("text = ", 'txet = "said"', "text = 7"):
        with pytest.raises(Refused):
            space.mend("shop", wrong)
    with pytest.raises(NotFound):
        space.mend("nobody", RIGHT)
    assert space.mapping("shop") == before and space.mapping("nobody") is None


def test_a_pulls_mapping_is_mended_in_its_file_and_read_anew(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/till.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE said (id INTEGER PRIMARY KEY, said TEXT, by TEXT, at TEXT)"))
        connection.execute(text("INSERT INTO said VALUES (:id, :said, :by, :at)"), ROWS)
    engine.dispose()
    folder = tmp_path / "acme"
    with Space.open(folder):
        pass
    with (folder / "allears.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'\n[[pull]]\nname = "till"\nkind = "sql"\nurl = "sqlite:///{tmp_path}/till.db"\nmapping = "till.toml"\n'
            'options = { table = "said", cursor = "id" }\n'
        )
    (folder / "till.toml").write_text(WRONG, "utf-8")
    with Space.open(folder) as space:
        assert space.pull("till").refused == 3
        assert space.replay("till").accepted == 0
        with pytest.raises(Refused, match="mend it there"):
            space.mend("till", RIGHT)
        (folder / "till.toml").write_text("text = ", "utf-8")
        with pytest.raises(Refused) as found:
            space.replay("till")
        assert found.value.place == "till.toml"
        (folder / "till.toml").write_text(RIGHT, "utf-8")
        assert space.replay("till").accepted == 3 and space.refused() == []
        assert texts(space) == ["number 0", "number 1", "number 2"]


def test_an_adapter_of_the_space_is_mended_in_its_file(space: Space) -> None:
    adapter = """name = "ours"
title = "Ours"
says = "messages"
setup = "none"
channel = "chat"
secret = "made"
[[signature]]
scheme = "token"
header = "x-token"
[[rule]]
when = "body.kind == 'mesage'"
id = "body.id"
text = "body.said"
"""
    from allears.guard.signature import Sent
    from allears.journey import hooks

    folder = space.ground.folder / "vendors"
    folder.mkdir()
    (folder / "ours.toml").write_text(adapter, "utf-8")
    space.add_channel("chat", "ours", None)
    body = b'{"kind": "message", "id": 1, "said": "It broke"}'
    with Space.open(space.ground.folder) as server:
        known = hooks.find_hook(server.ground, "chat")
        _, _, receipt, _ = hooks.post(server.ground, known, "application/json", Sent("POST", "/", {}, body))
        assert receipt.refused == 1
        assert server.replay("chat").accepted == 0
        (folder / "ours.toml").write_text(adapter.replace("mesage", "message"), "utf-8")
        assert server.replay("chat").accepted == 1 and server.refused() == []
        assert texts(server) == ["It broke"]
