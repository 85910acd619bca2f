from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from allears.desk import Base, Desk
from allears.desk import copy as copying
from allears.desk.copy import copy
from allears.errors import Refused
from allears.space import Space


def held(desk: Desk) -> dict[str, list[Any]]:
    with desk.reading() as session:
        return {
            # Databases order texts differently.
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


def test_a_desk_goes_to_postgresql_and_back_and_numbers_go_on(
    migrated: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS", 3)  # several pages of each table
    with Space.open(tmp_path / "shop") as space:
        rows = [{"text": "Where is it?", "identifiers": {"email": f"p{n}@example.com"}} for n in range(8)]
        space.hear(rows, source="mail")
        space.digest()
        space.erase("p3@example.com")
        space.hold("p4@example.com", why="court")
        away, back = Desk(migrated(), tmp_path), Desk("sqlite:///back.db", tmp_path)
        try:
            copy(space.ground.desk, away)
            copy(away, back)
            away.aliases = back.aliases = space.ground.desk.aliases  # copying went without the key
            first = held(space.ground.desk)
            assert len(first["audit_entries"]) == 2 and len(first["identifiers"]) > 3
            assert first == held(away) == held(back)
            with pytest.raises(Refused, match="not empty"):
                copy(back, away)
            # A number that the database gives out next is not one that was copied.
            numbered = Base.metadata.tables["subject_keys"]
            with away.session() as session:
                row = dict(session.execute(select(numbered).limit(1)).mappings().one())
                most = max(session.scalars(select(numbered.c.id)))
                row |= {"generation": 99}
                del row["id"]
                session.execute(numbered.insert(), row)
                assert max(session.scalars(select(numbered.c.id))) > most
        finally:
            away.close()
            back.close()
