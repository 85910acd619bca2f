"""Nothing personal lies in clear: canaries go in by every door, and every byte that is left is searched, after a crash too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pyrage
import pytest
from tests.journey.canaries import found
from tests.parcels import open_parcel

from allears.journey import backup, restoring
from allears.space import Space

ROOT = Path(__file__).resolve().parents[2]


class Left(NamedTuple):
    folder: Path
    outside: Path
    planted: dict[str, str]
    said: str


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """What is left of a process that was shot while it held everything in its memory."""
    top = tmp_path_factory.mktemp("canaries")
    folder, outside = top / "space", top / "outside"
    outside.mkdir()
    words = [sys.executable, "-m", "tests.journey.canaries", str(folder), str(outside)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None and one.stderr is not None
        line = one.stdout.readline()
        # The fault handler prints where each thread was: names of functions, never what they held.
        one.send_signal(signal.SIGSEGV)
        said = one.stderr.read()
        one.wait(30)
    assert line, said
    yield Left(folder, outside, json.loads(line)["planted"], said)


def test_no_canary_is_in_any_byte_after_a_crash(left: Left) -> None:
    assert len(left.planted) > 850
    assert found(left.folder, left.planted) == []
    assert found(left.outside, left.planted) == [], "files were removed by who wrote them"
    assert "Fatal Python error: Segmentation fault" in left.said
    assert "qz0" not in left.said


def test_the_search_finds_what_is_there(left: Left, tmp_path: Path) -> None:
    import pyarrow as pa

    name = next(iter(left.planted))
    (tmp_path / "log").write_text(f"hello {name}")
    table = pa.table({"x": [name] * 1000})
    pq.write_table(table, tmp_path / "one.parquet", compression="zstd")
    assert len(found(tmp_path, left.planted)) >= 2


def test_none_is_in_a_backup_and_none_in_what_was_restored(left: Left, tmp_path: Path) -> None:
    with Space.open(left.folder) as space:
        space.digest()
        backup.backup(space.ground, tmp_path / "one.backup")
    assert found(left.folder, left.planted) == [], "after the rest was digested"
    assert found(tmp_path, left.planted) == []
    restoring.restore(tmp_path / "one.backup", tmp_path / "again", left.folder / "space.key", [])
    assert found(tmp_path, left.planted) == []


def test_none_is_in_an_export_and_a_sealed_one_shows_nothing(left: Left, tmp_path: Path) -> None:
    with Space.open(left.folder) as space:
        for table in ("signals", "refused", "issues", "identities"):
            for form in ("parquet", "csv", "json"):
                space.export(table, tmp_path / f"{table}.{form}", form)
        assert found(tmp_path, left.planted) == []
        mine = pyrage.x25519.Identity.generate()
        rows, words = space.export("signals", tmp_path / "one.age", "json", to=str(mine.to_public()))
        _, other = space.export("signals", tmp_path / "two.age", "json", sealed=True)
    assert words is None and other is not None
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
    content = (tmp_path / "one.age").read_bytes()
    assert b"signal_id" not in content
    assert pyrage.decrypt(content, [mine]).count(b"\n") == rows
    assert open_parcel((tmp_path / "two.age").read_bytes(), other).count(b"\n") == rows
