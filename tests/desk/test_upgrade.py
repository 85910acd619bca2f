from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from allears.desk import Base, Desk, upgrade
from allears.desk.audit import AuditNode
from allears.desk.identity import Apart, Identifier, IdentityRevision, ProbableLink, StewardAct
from allears.desk.listening import Source
from allears.desk.upgrade import config, newest
from allears.errors import Refused
from allears.guard.audit import Audit
from allears.guard.proof import check
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault
from allears.know.graph import Graph


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    """Open one and the same desk, empty at first."""
    url = "sqlite:///desk.db" if request.param == "sqlite" else request.getfixturevalue("databases")()
    made: list[Desk] = []

    def open_it() -> Desk:
        made.append(Desk(url, tmp_path))
        return made[-1]

    yield open_it
    for one in made:
        one.close()


def test_migrations_end_where_the_models_are(desk: Callable[[], Desk]) -> None:
    made = desk()
    upgrade(made)
    with made.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrading_twice_changes_nothing(desk: Callable[[], Desk]) -> None:
    made = desk()
    upgrade(made)
    with made.session() as session:
        session.add(Source(name="a", stored=3, duplicates=0))
    upgrade(made)
    with made.reading() as session:
        assert session.get(Source, "a") is not None


def test_an_audit_written_before_the_tree_gets_one(desk: Callable[[], Desk]) -> None:
    made, key = desk(), SpaceKey(bytes(32))
    upgrade(made)
    log = Audit(made, Vault(made, key, "acme"))
    for number in range(13):
        log.record("user:ana", "look", f"c{number}")
    with made.reading() as session:
        whole = sorted((n.level, n.position, n.hash) for n in session.scalars(select(AuditNode)))
    with made.engine.begin() as connection:
        command.downgrade(config(connection), "0001")
    upgrade(made)
    with made.reading() as session:
        assert sorted((n.level, n.position, n.hash) for n in session.scalars(select(AuditNode))) == whole
    assert log.verify().ok and check(log.prove(4), log.signer.public)


def test_pairs_refused_before_are_kept_apart(desk: Callable[[], Desk]) -> None:
    made, now = desk(), datetime(2026, 6, 1, tzinfo=UTC)
    upgrade(made)
    ids = [f"{n:x}" * 16 for n in range(1, 7)]
    owners = [0, 0, 2, 3, 4, 4]  # two identifiers of the first customer, and of the last
    pairs = [(1, 2, "refused"), (3, 4, "waiting"), (4, 5, "refused"), (0, 2, "refused")]
    with made.engine.begin() as connection:
        command.downgrade(config(connection), "0028")
    with made.session() as session:
        session.add(IdentityRevision(id=1, revision=7))
        for number, (name, owner) in enumerate(zip(ids, owners, strict=True)):
            session.add(
                Identifier(
                    number=number, digest=name * 2, type="handle", customer=f"c_{ids[owner]}", relationship="consumer", told="consumer",
                    first_seen_at=now, since=now, revision=7,
                )
            )  # fmt: skip
        for left, right, state in pairs:
            session.add(
                ProbableLink(
                    left=f"c_{ids[left]}", right=f"c_{ids[right]}", bits=9.0, why=[], state=state, note="two sisters", method="m", found_at=now,
                    act="merge_3" if state == "refused" else None,  # joined by linking, and taken back
                    decided_at=now, decided_by="user:ana",
                )
            )  # fmt: skip
    upgrade(made)
    with made.reading() as session:
        (act,) = session.scalars(select(StewardAct))
        assert (act.act, act.why, act.actor, act.done_at, act.undone_at) == (
            "apart",
            "two sisters",
            "user:ana",
            now,
            None,
        )
        assert (act.left, act.right) == (ids[1] * 2, ids[2] * 2)
        kept = sorted((a.act, a.identifier, a.right, a.revision) for a in session.scalars(select(Apart)))
        assert kept == [(act.id, 0, False, 7), (act.id, 1, False, 7), (act.id, 2, True, 7)]
        noted = list(session.scalars(select(ProbableLink.act).order_by(ProbableLink.id)))
        assert noted == [f"apart_{act.id}", None, None, f"apart_{act.id}"], (
            "who is one customer today stays one"
        )
    graph = Graph(made, lambda purpose, values: list(values))
    with pytest.raises(Refused, match=f"apart_{act.id}"):
        graph.merge(f"c_{ids[1]}", f"c_{ids[2]}", "", "sam")


def test_two_that_start_together_both_find_a_whole_desk(desk: Callable[[], Desk]) -> None:
    failed: list[Exception] = []

    def open_it() -> None:
        try:
            upgrade(desk())
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_desk_of_a_newer_version_is_left_alone(desk: Callable[[], Desk]) -> None:
    made = desk()
    upgrade(made)
    with made.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer"):
        upgrade(made)
    assert newest() < "9999"


def test_times_come_back_aware_and_naive_ones_are_refused(desk: Callable[[], Desk]) -> None:
    made = desk()
    upgrade(made)
    moment = datetime(2026, 6, 1, 10, tzinfo=UTC)
    with made.session() as session:
        session.add(Source(name="a", stored=0, duplicates=0, first_at=moment))
    with made.reading() as session:
        found = session.get(Source, "a")
        assert found is not None and found.first_at == moment
    with pytest.raises(Exception, match="zone"), made.session() as session:
        session.add(Source(name="b", stored=0, duplicates=0, first_at=datetime(2026, 6, 1)))


def test_a_reader_does_not_wait_for_a_writer(desk: Callable[[], Desk]) -> None:
    made = desk()
    upgrade(made)
    with made.session() as writing:
        writing.add(Source(name="a", stored=0, duplicates=0))
        writing.flush()
        with made.reading() as session:
            assert session.get(Source, "a") is None
