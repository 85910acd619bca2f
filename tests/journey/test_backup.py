from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.errors import AllearsError, NotAllowed, Refused, WorldFailed
from allears.guard.access import Principal, Role
from allears.guard.erasures import read_acts
from allears.journey.backup import backup, check
from allears.journey.restoring import restore
from allears.settings import DeskSettings, LakeSettings, Settings, SpaceSettings
from allears.space import Space

ROWS = [
    {
        "id": f"m{n}",
        "text": f"My parcel {n} never came, write to canary{n}@example.com",
        "channel": "email",
        "identifiers": {"email": f"canary{n}@example.com"},
    }
    for n in range(12)
]


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as space:
        space.hear(ROWS[:8], source="desk")
        space.digest()
        yield space


def key_of(space: Space) -> Path:
    return space.ground.folder / "space.key"


def test_a_restored_space_answers_as_the_first_did(space: Space, tmp_path: Path) -> None:
    space.hear(ROWS[8:], source="desk")  # waits in the inbox
    made = backup(space.ground, tmp_path / "acme.backup")
    assert check(tmp_path / "acme.backup", key_of(space)).files == made.files
    restored = restore(tmp_path / "acme.backup", tmp_path / "again", key_of(space), [])
    assert (restored.files, restored.bytes) == (made.files, made.bytes)
    with Space.open(tmp_path / "again", create=False) as again:
        assert again.status()["pending"] == 4
        again.digest()
        space.digest()
        for who in ("canary3@example.com", "canary11@example.com"):
            assert again.customer(who).timeline() == space.customer(who).timeline()
        assert again.status()["stored"] == space.status()["stored"] == 12
        assert again.verify_audit().ok


@pytest.mark.parametrize("named", ["acme", "link/acme"])
def test_a_space_named_from_where_one_stands_or_through_a_link_is_backed_up_whole(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    key = key_of(space)
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    space.ground.close()
    with Space.open(Path(named)) as here:
        backup(here.ground, tmp_path / "acme.backup")
    restore(tmp_path / "acme.backup", tmp_path / "again", key, [])
    with Space.open(tmp_path / "again", create=False) as again:
        assert again.sql("SELECT count(*) AS n FROM signals").to_pylist() == [{"n": 8}]


def test_nothing_of_a_person_stands_in_a_backup_in_clear(space: Space, tmp_path: Path) -> None:
    backup(space.ground, tmp_path / "acme.backup")
    data = (tmp_path / "acme.backup").read_bytes()
    # Marks long enough that no sealed bytes are like them by chance.
    assert all(mark not in data for mark in (b"canary", b"ARROW:schema", b"SQLite format 3"))
    assert key_of(space).read_bytes().split()[1] not in data
    assert (tmp_path / "acme.backup").stat().st_mode & 0o077 == 0


def test_who_was_erased_since_is_erased_again(space: Space, tmp_path: Path) -> None:
    backup(space.ground, tmp_path / "acme.backup")
    person = space.customer("canary2@example.com").id
    space.erase(person)
    listed = read_acts(space.ground.folder / "erasures.jsonl").acts
    assert [e.customer for e in listed] == [person]
    found = restore(tmp_path / "acme.backup", tmp_path / "again", key_of(space), [listed])
    assert found.erased_again == 1
    with Space.open(tmp_path / "again", create=False) as again:
        with pytest.raises(AllearsError):
            again.customer("canary2@example.com")
        assert again.customer("canary3@example.com").timeline().num_rows == 1
        assert "erase" in [e.action for e in again.ground.audit.entries()]
    # One that was erased before the backup was made is gone in it already.
    backup(space.ground, tmp_path / "later.backup")
    assert restore(tmp_path / "later.backup", tmp_path / "third", key_of(space), [listed]).erased_again == 0


def test_a_damaged_backup_gives_back_nothing(space: Space, tmp_path: Path) -> None:
    backup(space.ground, tmp_path / "acme.backup")
    data = (tmp_path / "acme.backup").read_bytes()
    head = data.index(b"\n", 20) + 1
    places = [3, 25, head + 5, head + 100, len(data) // 2, len(data) - 1]
    bad = [data[:p] + bytes([data[p] ^ 1]) + data[p + 1 :] for p in places]
    bad += [data[:p] for p in (0, 10, head, len(data) // 2, len(data) - 1)] + [data + b"x"]
    for number, mangled in enumerate(bad):
        (tmp_path / "bad.backup").write_bytes(mangled)
        with pytest.raises(Refused):
            check(tmp_path / "bad.backup", key_of(space))
        with pytest.raises(Refused):
            restore(tmp_path / "bad.backup", tmp_path / f"again{number}", key_of(space), [])
    assert not list(tmp_path.glob("again*")) and not list(tmp_path.glob(".again*"))


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_no_backup_is_made_of_a_damaged_lake(space: Space, tmp_path: Path, how: str) -> None:
    file = next(Path(f.removeprefix("file://")) for f in space.ground.store.files("signals"))
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(WorldFailed, match=r"lake is missing or damaged.*signals"):
        backup(space.ground, tmp_path / "acme.backup")
    assert not list(tmp_path.glob("acme.backup*"))


def test_the_key_must_be_the_one_and_kept_apart(space: Space, tmp_path: Path) -> None:
    backup(space.ground, tmp_path / "acme.backup")
    with (
        Space.open(tmp_path / "other") as other,
        pytest.raises(Refused, match="needs the key with fingerprint"),
    ):
        check(tmp_path / "acme.backup", key_of(other))
    loose = tmp_path / "loose.key"
    loose.write_bytes(key_of(space).read_bytes())
    loose.chmod(0o644)
    with pytest.raises(NotAllowed):
        check(tmp_path / "acme.backup", loose)


def test_nothing_is_overwritten(space: Space, tmp_path: Path) -> None:
    backup(space.ground, tmp_path / "acme.backup")
    before = (tmp_path / "acme.backup").read_bytes()
    with pytest.raises(Refused, match="already"):
        backup(space.ground, tmp_path / "acme.backup")
    with pytest.raises(Refused, match="not there yet"):
        restore(tmp_path / "acme.backup", space.ground.folder, key_of(space), [])
    assert (tmp_path / "acme.backup").read_bytes() == before


def test_a_full_disk_leaves_no_half_backup(space: Space, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (7 << 20))
    (space.ground.folder / "large.bin").write_bytes(bytes(3 << 20))
    with pytest.raises(WorldFailed, match="cannot be written"):
        backup(space.ground, small_disk / "acme.backup")
    assert [p.name for p in small_disk.iterdir()] == ["ballast"]


def test_a_backup_made_while_others_listen_and_digest_loses_nothing_told_before(
    space: Space, tmp_path: Path
) -> None:
    told, stop = [8], threading.Event()

    def busy() -> None:
        number = 100
        while not stop.is_set():
            rows = [dict(ROWS[n % 12], id=f"x{number}-{n}") for n in range(20)]
            space.hear(rows, source="desk")
            told[0] += 20
            space.digest()
            number += 1

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        for number in range(3):
            # Somebody was heard meanwhile, on however slow a machine.
            heard = told[0]
            while told[0] == heard:
                time.sleep(0.01)
                assert worker.is_alive()
            before = told[0]
            backup(space.ground, tmp_path / f"{number}.backup")
            restore(tmp_path / f"{number}.backup", tmp_path / f"again{number}", key_of(space), [])
            with Space.open(tmp_path / f"again{number}", create=False) as again:
                again.digest()
                rows = again.sql(
                    "SELECT count(*) AS n, count(DISTINCT signal_id) AS ids FROM signals"
                ).to_pylist()[0]
                assert rows["n"] == rows["ids"] >= before
                # Every original can still be opened: no row of the lake lacks its key.
                person = again.customer("canary3@example.com")
                ids = person.timeline()["signal_id"].to_pylist()
                asker = Principal("user:pia", Role.PRIVACY)
                opened = person.originals(asker, "checking a restore", ids)
                assert len(opened) == len(ids) > 1 and all(opened.values())
    finally:
        stop.set()
        worker.join()


def test_the_commands_say_what_they_need(space: Space, tmp_path: Path) -> None:
    def allears(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "allears", *words], capture_output=True, text=True)

    folder, file = str(space.ground.folder), str(tmp_path / "acme.backup")
    assert allears("backup", file, "--space", folder).returncode == 0
    key = ("--key", str(key_of(space)))
    assert allears("restore", file, "--check", *key).returncode == 0
    refused = allears("restore", file, str(tmp_path / "again"), *key)
    assert refused.returncode == 2 and "--no-erasures" in refused.stderr
    assert allears("restore", file, str(tmp_path / "again"), "--no-erasures", *key).returncode == 0
    assert allears("status", "--space", str(tmp_path / "again")).returncode == 0


def test_a_desk_and_lake_under_other_names_come_back(tmp_path: Path) -> None:
    settings = Settings(
        space=SpaceSettings(name="shop"),
        desk=DeskSettings(url="sqlite:///till.db"),
        lake=LakeSettings(url="data/tables"),
    )
    with Space.open(tmp_path / "shop", settings=settings) as space:
        space.hear(ROWS, source="desk")
        space.digest()
        backup(space.ground, tmp_path / "1")
    restore(tmp_path / "1", tmp_path / "again", tmp_path / "shop" / "space.key", [])
    with Space.open(tmp_path / "again", create=False) as again:
        assert again.counts()["stored"] == 12
        assert again.customer("canary3@example.com").timeline().num_rows == 1


def test_what_a_killed_backup_left_does_not_stop_the_next(space: Space, tmp_path: Path) -> None:
    half = tmp_path / "acme.backup.part"
    half.write_bytes(b"half of a backup that was killed" * 100_000)
    made = backup(space.ground, tmp_path / "acme.backup")
    assert check(tmp_path / "acme.backup", key_of(space)).files == made.files and not half.exists()


def test_a_backup_that_another_writes_just_now_is_left_alone(space: Space, tmp_path: Path) -> None:
    half = tmp_path / "acme.backup.part"
    with half.open("wb") as other:
        other.write(b"so far")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another backup"):
            backup(space.ground, tmp_path / "acme.backup")
    assert half.read_bytes() == b"so far"


def test_a_half_made_backup_is_never_written_through_a_link(space: Space, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    (tmp_path / "acme.backup.part").symlink_to(tmp_path / "precious")
    with pytest.raises(WorldFailed):
        backup(space.ground, tmp_path / "acme.backup")
    assert (tmp_path / "precious").read_bytes() == b"mine"
