"""What several rings of tests share."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from allears.desk import Desk, upgrade
from allears.guard.aliases import Aliases
from allears.guard.space_key import SpaceKey

CLUSTERED = "tests/lake/spark/"
# How long an example takes is the machine's matter.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked `both_desks` on SQLite and on PostgreSQL, but for tests of SQLite's own file."""
    node = metafunc.definition
    if (
        "open_desk" in metafunc.fixturenames
        and node.get_closest_marker("both_desks")
        and not node.get_closest_marker("sqlite_alone")
    ):
        metafunc.parametrize("open_desk", ["sqlite", "postgresql"], indirect=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several processes, keep all that need a cluster in one: to start it takes longer than most files of tests."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return CLUSTERED if file.startswith(CLUSTERED) else file

        def schedule(self) -> None:
            begun = self.collection is not None
            super().schedule()
            # Files with many tests go first, whatever they take. The examples of the code are short, file by file: they
            # come after a long test that is alone in its file, so that nobody waits for it at the end.
            if not begun:
                for file in [file for file in self.workqueue if file.startswith("src/")]:
                    self.workqueue.move_to_end(file)

    return ByFile(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data to measure with; tests that need it are skipped where it is absent."""
    given = os.environ.get("ALLEARS_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data sets are not beside this checkout (set ALLEARS_DATA)")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MB that fills up."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], capture_output=True)
    if made.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL on loopback, one for all tests of a process; the address of its first database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or os.getuid() != 0 or shutil.which("runuser") is None:
        pytest.skip("a real database needs postgresql (apt install postgresql), started by root")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    shutil.chown(folder, "postgres", "postgres")

    def as_postgres(*words: str) -> list[str]:
        return ["runuser", "-u", "postgres", "--", str(found[-1] / words[0]), *words[1:]]

    subprocess.run(
        as_postgres("initdb", "-D", f"{folder}/data", "-A", "trust", "-N", "-E", "UTF8"),
        check=True,
        capture_output=True,
        cwd=folder,
    )

    def begin(port: int) -> subprocess.Popen[bytes] | None:
        process = subprocess.Popen(
            as_postgres("postgres", "-D", f"{folder}/data", "-p", str(port), "-k", str(folder), "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        # Asked in its own folder: at the port another process's database may answer, which was quicker to take it.
        ready = [str(found[-1] / "pg_isready"), "-q", "-h", str(folder), "-p", str(port)]
        while subprocess.run(ready).returncode != 0:
            if process.poll() is not None:
                return None
            time.sleep(0.1)
        return process

    for port in random.sample(range(54_320, 54_400), 80):
        if (process := begin(port)) is not None:
            break
    else:
        raise OSError("no port is free")
    yield f"postgresql+pg8000://postgres@127.0.0.1:{port}/postgres"
    # At once: nothing of it is kept.
    subprocess.run(
        as_postgres("pg_ctl", "stop", "-D", f"{folder}/data", "-m", "immediate"),
        capture_output=True,
        cwd=folder,
    )
    process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres: str) -> Callable[[], str]:
    """Make databases that hold nothing yet, each with its address."""
    numbers = itertools.count()

    def make(like: str = "template1") -> str:
        name = f"space{next(numbers)}"
        engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {like}"))
        engine.dispose()
        return make_url(postgres).set(database=name).render_as_string()

    return make


@pytest.fixture(scope="session")
def pool(databases: Callable[..., str]) -> Pool:
    """Databases that hold a desk in its newest form and nothing else."""
    return Pool(databases)


class Pool:
    """Lends databases, and empties those that come back: making one takes longer than most tests."""

    def __init__(self, databases: Callable[..., str]) -> None:
        self._databases = databases
        self._first = ""
        self._clean: list[str] = []

    def take(self) -> str:
        if not self._first:
            self._first = self._databases()
            desk = Desk(self._first, Path())
            upgrade(desk)
            desk.close()
        return self._clean.pop() if self._clean else self._databases(str(make_url(self._first).database))

    def give_back(self, url: str) -> None:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(EMPTY))
        engine.dispose()
        self._clean.append(url)


# Emptied row by row where there are rows: truncating makes new files for every table and index.
EMPTY = """
DO $$ DECLARE named text; held boolean; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR named IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', named) INTO held;
    IF held THEN EXECUTE format('DELETE FROM %I', named); END IF;
  END LOOP;
  FOR named IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', named);
  END LOOP;
END $$"""


@pytest.fixture
def migrated(pool: Pool) -> Iterator[Callable[[], str]]:
    """Lend databases that hold a desk in its newest form."""
    lent: list[str] = []

    def lend() -> str:
        lent.append(pool.take())
        return lent[-1]

    yield lend
    for url in lent:
        pool.give_back(url)


@pytest.fixture(scope="session")
def newest_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk on SQLite in its newest form, to be copied."""
    folder = tmp_path_factory.mktemp("newest")
    desk = Desk("sqlite:///desk.db", folder)
    upgrade(desk)
    desk.close()
    return folder / "desk.db"


@pytest.fixture(scope="session")
def desk_in(newest_file: Path) -> Callable[[Path], Desk]:
    """Make a desk on SQLite in its newest form in a folder."""

    def make(folder: Path) -> Desk:
        shutil.copy(newest_file, folder / "desk.db")
        return Desk("sqlite:///desk.db", folder)

    return make


@pytest.fixture(scope="session", autouse=True)
def _new_spaces(newest_file: Path) -> Iterator[None]:
    """Let new spaces begin with a copy of a desk in its newest form: to run all migrations takes longer than most tests, and tests/desk proves them."""

    def begin(desk: Desk) -> None:
        file = desk.engine.url.database if desk.engine.dialect.name == "sqlite" else None
        if file and not Path(file).exists():
            shutil.copy(newest_file, file)
        upgrade(desk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("allears.journey.opening.upgrade", begin)
        yield


def keyed(desk: Desk) -> Desk:
    """Let a desk know some key, as a space would."""
    desk.aliases = Aliases(SpaceKey(bytes(range(32))).sub_key)
    return desk


@pytest.fixture
def open_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    """Make desks in their newest form: on SQLite, the first in the test's own folder, unless the test is marked `both_desks`."""
    made: list[Desk] = []
    on_postgres = getattr(request, "param", "sqlite") == "postgresql"
    lend = request.getfixturevalue("migrated") if on_postgres else None

    def make() -> Desk:
        if lend is not None:
            made.append(keyed(Desk(lend(), tmp_path)))
            return made[-1]
        name = f"desk{len(made) or ''}.db"
        shutil.copy(request.getfixturevalue("newest_file"), tmp_path / name)
        made.append(keyed(Desk(f"sqlite:///{name}", tmp_path)))
        return made[-1]

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def desk(open_desk: Callable[[], Desk]) -> Desk:
    """A desk in its newest form."""
    return open_desk()
