"""A desk on a real PostgreSQL: who gets in, who takes turns, and what nobody is told."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from allears.desk import Desk
from allears.desk.access import User
from allears.desk.listening import Mark, Source
from allears.desk.postgres import Entry
from allears.errors import NotFound, Refused, WorldFailed
from allears.journey.opening import open_desk as open_settled
from allears.settings import DeskSettings, read_settings_text

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PASSWORD = "canary-9f/3@x:y"


@pytest.fixture
def desk(migrated: Callable[[], str], tmp_path: Path) -> Iterator[Desk]:
    made = Desk(migrated(), tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()  # the driver leaves the socket of a connection that was refused or broke to the collector


def use(desk: Desk) -> None:
    with desk.reading() as session:
        session.connection()


@pytest.fixture
def locked(postgres: str, databases: Callable[[], str]) -> str:
    """A database whose user must give a password: everybody else on this server is trusted."""
    url = make_url(databases())
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE USER ears PASSWORD '{PASSWORD}'")
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} OWNER TO ears")
        file = Path(str(connection.exec_driver_sql("SHOW hba_file").scalar()))
        file.write_text("host all ears 127.0.0.1/32 scram-sha-256\n" + file.read_text())
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    return url.set(username="ears").render_as_string()


def user(name: str) -> User:
    return User(name=name, role="cio", password_hash="x", made_at=datetime(2026, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+pg8000://ears:{PASSWORD}@db/ears",
        f"postgresql+pg8000://ears:{PASSWORD}@db:port/ears",
        f"postgresql+pg8000://ears@db/ears?password={PASSWORD}",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Refused, match="secret_env") as caught:
        read_settings_text(f'[desk]\nurl = "{url}"')
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    ["mysql://ears@db/ears", "postgresql://ears@db/ears", "postgresql+pg8000://ears@db:canary/x", "canary"],
)
def test_another_address_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="expected `sqlite") as caught:
        Desk(url, tmp_path)
    assert "canary" not in str(caught.value)


def test_the_password_is_shown_nowhere(tmp_path: Path) -> None:
    entry = Entry(PASSWORD)
    closed = Desk("postgresql+pg8000://ears@127.0.0.1:1/ears", tmp_path, entry)
    with pytest.raises(WorldFailed, match="cannot be reached") as caught:
        use(closed)
    told = "".join(traceback.format_exception(caught.value))
    assert "canary" not in told + repr(entry) + repr(closed.engine) + str(closed.engine.url)


def test_the_password_comes_from_the_environment_else_from_the_file(locked: str, tmp_path: Path) -> None:
    chosen = DeskSettings(url=locked, secret_file="pg.secret")
    with pytest.raises(NotFound, match="cannot be read"):
        open_settled(chosen, tmp_path, {})
    (tmp_path / "pg.secret").write_text("wrong\n")
    with pytest.raises(WorldFailed, match="does not let this user in") as caught:
        open_settled(chosen, tmp_path, {})
    assert "wrong" not in str(caught.value)
    open_settled(chosen, tmp_path, {"ALLEARS_DESK_PASSWORD": PASSWORD}, "key").close()
    (tmp_path / "pg.secret").write_text(PASSWORD + "\n")
    open_settled(chosen, tmp_path, {}, "key").close()


def test_tls_is_asked_for_where_it_is_said_and_never_given_up(postgres: str, tmp_path: Path) -> None:
    # This server speaks no TLS: whoever insists on it does not go on in clear.
    with pytest.raises(WorldFailed, match="cannot be reached"):
        use(Desk(postgres, tmp_path, Entry(tls="on")))
    with pytest.raises(Refused, match="certificates"):
        Desk(postgres, tmp_path, Entry(tls="on", ca_file=tmp_path / "none.pem"))


def test_one_database_holds_one_space(migrated: Callable[[], str], tmp_path: Path) -> None:
    chosen = DeskSettings(url=migrated())
    for _ in range(2):
        open_settled(chosen, tmp_path, {}, ("key-1",)).close()
    with pytest.raises(Refused, match="another space"):
        open_settled(chosen, tmp_path, {}, ("key-2",))
    with pytest.raises(Refused, match="another space"):
        open_settled(chosen, tmp_path, {})  # a new space has no key yet


def test_values_of_a_row_that_is_turned_away_are_in_no_error(desk: Desk) -> None:
    with desk.session() as session:
        session.add(user("canary.person"))
    with pytest.raises(IntegrityError) as caught, desk.session() as session:
        session.add(user("canary.person"))
    told = "".join(traceback.format_exception(caught.value))
    assert "canary.person" not in told and "pk_users" in told


def test_what_was_read_and_written_back_is_never_an_older_value(desk: Desk) -> None:
    with desk.session() as session:
        session.add(Source(name="a", stored=0, duplicates=0))

    def add() -> None:
        for _ in range(25):
            with desk.session() as session:
                row = session.get_one(Source, "a")
                row.stored += 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with desk.reading() as session:
        assert session.get_one(Source, "a").stored == 100


def test_a_reader_sees_one_moment(desk: Desk) -> None:
    with desk.reading() as reading:
        assert reading.get(Mark, "a") is None
        with desk.session() as session:
            session.add_all([Mark(name="a", value="1"), Mark(name="b", value="1")])
        assert reading.get(Mark, "b") is None
    with desk.reading() as reading:
        assert reading.get(Mark, "b") is not None


def test_a_writer_that_is_killed_keeps_nobody_waiting_and_leaves_nothing(desk: Desk) -> None:
    program = (
        "import sys, time; from pathlib import Path; from allears.desk import Desk; from allears.desk.listening import Mark\n"
        "with Desk(sys.argv[1], Path()).session() as session:\n"
        "    session.add(Mark(name='half', value='1')); session.flush(); print('in', flush=True); time.sleep(60)"
    )
    url = desk.engine.url.render_as_string()
    writer = subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE)
    assert writer.stdout is not None and writer.stdout.readline() == b"in\n"
    writer.kill()
    writer.wait()
    writer.stdout.close()
    with desk.session() as session:
        assert session.get(Mark, "half") is None
        session.add(Mark(name="whole", value="1"))


def test_after_the_database_was_away_the_next_use_finds_it_again(desk: Desk, postgres: str) -> None:
    with desk.session() as session:
        session.add(Mark(name="a", value="1"))
    name = desk.engine.url.database
    with pytest.raises(WorldFailed) as caught, desk.session() as session:
        session.get(Mark, "a")
        away(postgres, name)
        session.add(Mark(name="b", value="1"))
    assert caught.value.again
    away(postgres, name)
    with desk.session() as session:
        assert session.get(Mark, "a") is not None and session.get(Mark, "b") is None


def away(postgres: str, name: str | None) -> None:
    engine = create_engine(make_url(postgres), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
    engine.dispose()
