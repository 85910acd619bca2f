"""Several workers digest one space, with a desk on a real PostgreSQL: nothing is lost and nothing counts twice, whoever dies when."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.journey.test_amend import gone, message

from allears.desk.digesting import Lease, News
from allears.errors import WorldFailed
from allears.journey.digest import Digested
from allears.know.profile import Profiles
from allears.listen.hook import Parcel, pack
from allears.settings import DeskSettings, LakeSettings, Settings, SpaceSettings
from allears.space import Space

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def folder(migrated: Callable[[], str], tmp_path: Path) -> Path:
    settings = Settings(
        space=SpaceSettings(name="shop"),
        desk=DeskSettings(url=migrated()),
        lake=LakeSettings(batch_rows=100, second_process=False),
    )
    Space.open(tmp_path / "shop", settings=settings).close()
    return tmp_path / "shop"


@pytest.fixture
def workers(folder: Path) -> Iterator[tuple[Space, Space]]:
    one, two = Space.open(folder), Space.open(folder)
    yield one, two
    one.close()
    two.close()


def hear(space: Space, numbers: Sequence[int], **more: Any) -> None:
    rows = [{"signal_id": f"s{n}", "text": "My parcel never came"} | more for n in numbers]
    assert space.hear(rows, source="own").accepted == len(numbers)


def say(space: Space, update: dict[str, Any]) -> None:
    space.take(
        "hook", pack(Parcel("telegram", "application/json", {}, json.dumps(update).encode())), source="bot"
    )


def stored(space: Space, column: str = "signal_id") -> list[Any]:
    found: list[Any] = space.ground.engine.query(f"SELECT {column} FROM signals ORDER BY signal_id")[
        column
    ].to_pylist()
    return found


def leases(space: Space) -> int:
    with space.ground.desk.reading() as session:
        return len(list(session.scalars(select(Lease))))


def before_commit(space: Space, act: Callable[[], object]) -> None:
    """Do something just before this worker's next batch goes into the lake, when all of it is claimed."""
    append = space.ground.store.append

    def first(name: str, *given: Any, **more: Any) -> None:
        if name == "signals":
            space.ground.store.append = append  # type: ignore[method-assign]
            act()
        append(name, *given, **more)

    space.ground.store.append = first  # type: ignore[method-assign]


def cut_off(space: Space) -> None:
    """Take a worker's connection away, as its death or a broken network does."""
    space.digester.claims._held.close()  # type: ignore[attr-defined]


class Killed(BaseException):
    pass


def kill(space: Space) -> None:
    cut_off(space)
    raise Killed


def test_an_id_in_two_segments_counts_once_whoever_is_quicker(workers: tuple[Space, Space]) -> None:
    one, two = workers
    hear(one, range(30))
    hear(two, range(10, 50))
    before_commit(one, lambda: two.digest(look=False))
    one.digest(look=False)
    two.digest(look=False)
    assert stored(one) == sorted(f"own:s{n}" for n in range(50))
    assert leases(one) == 0 and one.status()["pending"] == 0


def test_what_a_worker_claimed_and_never_stored_is_stored_by_the_next(workers: tuple[Space, Space]) -> None:
    one, two = workers
    hear(one, range(30))
    hear(two, range(10, 50))
    one.digester, two.digester  # noqa: B018 - both are at work

    def die() -> None:
        two.digester.step()  # drops what the first one claimed
        kill(one)

    before_commit(one, die)
    with pytest.raises(Killed):
        one.digest(look=False)
    two.digest(look=False)
    assert stored(two) == sorted(f"own:s{n}" for n in range(50))
    assert leases(two) == 0 and two.status()["pending"] == 0


def test_a_worker_taken_for_dead_that_goes_on_changes_nothing(workers: tuple[Space, Space]) -> None:
    one, two = workers
    hear(one, range(60))
    taken: list[int] = []

    def overtaken() -> None:
        cut_off(one)
        taken.append(two.digest(look=False)["stored"])

    before_commit(one, overtaken)
    assert one.digest(look=False)["stored"] == 0 and taken == [60]
    assert stored(one) == sorted(f"own:s{n}" for n in range(60))


def test_the_slow_one_may_also_be_first(workers: tuple[Space, Space]) -> None:
    one, two = workers
    hear(one, range(20))

    def both() -> None:
        cut_off(one)
        # The other has taken the batch over and is about to commit when the first one does.
        before_commit(two, lambda: append("signals", batch, positions, starts=starts))
        two.digest(look=False)
        raise Killed

    append = one.ground.store.append

    def caught(name: str, given: Any, where: Any, *, starts: Any) -> None:
        nonlocal batch, positions
        batch, positions = given, where
        both()

    batch: Any = None
    positions: Any = None
    starts = dict.fromkeys(one.ground.inbox.segments(), 0)
    one.ground.store.append = caught  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        one.digest(look=False)
    assert stored(two) == sorted(f"own:s{n}" for n in range(20))
    two.digest(look=False)
    assert leases(two) == 0 and len(stored(two)) == 20


def test_death_between_the_commit_and_saying_so_doubles_nothing(
    workers: tuple[Space, Space], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = workers
    hear(one, range(20))
    monkeypatch.setattr(one.digester, "_count", lambda *_: kill(one))
    with pytest.raises(Killed):
        one.digest(look=False)
    assert two.digest(look=False)["stored"] == 0
    assert stored(two) == sorted(f"own:s{n}" for n in range(20))
    assert leases(two) == 0 and two.status()["pending"] == 0


def test_a_batch_that_failed_is_done_again(workers: tuple[Space, Space]) -> None:
    one, two = workers
    hear(one, range(20))

    def fail() -> None:
        raise WorldFailed("the disk failed", place="signals", again=True)

    before_commit(one, fail)
    with pytest.raises(WorldFailed):
        one.digest(look=False)
    hear(two, range(5, 25))
    assert two.digest(look=False)["stored"] == 5  # the other lives, and will store what it claimed
    one.digest(look=False)
    assert stored(two) == sorted(f"own:s{n}" for n in range(25))


@pytest.mark.parametrize("dies", [False, True])
def test_an_edit_waits_for_the_worker_that_holds_the_message(
    workers: tuple[Space, Space], dies: bool
) -> None:
    one, two = workers
    say(one, message(1, "It never came"))
    say(two, message(1, "It came late", edited=NOW))
    two.digester  # noqa: B018

    def meanwhile() -> None:
        done = two.digester.step()
        assert isinstance(done, Digested) and done.stored == 0 and done.amended.edited is None
        if dies:
            kill(one)

    before_commit(one, meanwhile)
    if dies:
        with pytest.raises(Killed):
            one.digest(look=False)
    else:
        one.digest(look=False)
    two.digest(look=False)
    assert stored(two, "text") == ["It came late"]


def test_what_is_deleted_meanwhile_stays_deleted(workers: tuple[Space, Space]) -> None:
    one, two = workers
    say(one, message(1, "Never mind this"))

    def meanwhile() -> None:  # only now, or the delete might be taken first, and the message never stored
        say(two, gone(1))
        two.digester.step()

    before_commit(one, meanwhile)
    one.digest(look=False)
    two.digest(look=False)
    assert stored(two, "text") == [None]
    say(one, message(1, "Never mind this"))
    one.digest(look=False)
    assert stored(two, "text") == [None]


def test_what_two_workers_learn_of_one_person_is_all_kept(workers: tuple[Space, Space]) -> None:
    one, two = workers
    ada = {"user_id": "ada"}
    for space, number, name in ((one, 1, "Zworb"), (two, 2, "Quffle"), (one, 3, "Mippsen")):
        hear(space, [number], identifiers=ada, personal={"name": name})
        space.digest(look=False)
    vault = one.ground.vault
    known = Profiles(one.ground.desk, vault.seal, vault.open).of(str(one.customer("ada").id))
    assert sorted(known["name"]) == ["Mippsen", "Quffle", "Zworb"]


def test_one_watches_what_all_store_and_another_follows(workers: tuple[Space, Space]) -> None:
    one, two = workers
    assert one.leads() and not two.leads()
    hear(two, range(20))
    assert two.digest()["issues"] == 0
    assert one.tell(None) is not None
    assert sum(batch.num_rows for batch in one.lookout._waiting) == 20
    one.digester.claims.close()
    hear(two, range(20, 30))
    two.digest()  # leads now: reads the lake, and what it read there is not heard of again
    assert two.leads() and two.lookout._waiting == []
    hear(two, range(30, 35))
    assert two.digester.step() is not None and two.tell(None) is not None
    assert sum(batch.num_rows for batch in two.lookout._waiting) == 5


def test_what_the_watch_read_in_the_lake_it_does_not_hear_again(workers: tuple[Space, Space]) -> None:
    one, two = workers
    assert one.leads()
    hear(two, range(20))
    two.digest(look=False)  # word is left, but the lake has it too
    one.lookout.look()
    assert one.tell(None) is not None and one.lookout._waiting == []
    with one.ground.desk.reading() as session:
        assert session.scalar(select(News)) is None


def _work(folder: Path) -> None:
    with Space.open(folder) as space:
        while True:
            space.digester.step()
            space.tell(None)
            time.sleep(0.01)


def test_workers_killed_again_and_again_store_everything_once(folder: Path) -> None:
    chance = random.Random(11)
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["allears.space", "allears.journey", __name__])
    start = partial(forking.Process, target=_work, args=(folder,), daemon=True)
    running = [start(), start()]
    for worker in running:
        worker.start()
    doors = [Space.open(folder), Space.open(folder)]
    numbers = list(range(900))
    for at in range(0, len(numbers), 10):
        hear(doors[at // 10 % 2], numbers[at : at + 10])
        hear(doors[(at // 10 + 1) % 2], chance.sample(numbers[: at + 10], 5))
        if at % 150 == 140:
            time.sleep(chance.random())
            victim = chance.randrange(2)
            running[victim].kill()
            running[victim].join()
            running[victim] = start()
            running[victim].start()
    for worker in running:
        worker.kill()
        worker.join()
    # Until the database has noticed that the last two are gone, what they held is theirs.
    until = time.monotonic() + 60
    while doors[0].status()["pending"] and time.monotonic() < until:
        doors[0].digest(look=False)
    found = Counter(stored(doors[0]))
    assert not [name for name, times in found.items() if times > 1]
    assert len(found) == len(numbers)
    assert leases(doors[0]) == 0 and doors[0].status()["pending"] == 0
    for door in doors:
        door.close()
