"""A whole space on a real PostgreSQL, driven as its users do: by commands and by two servers at once."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.serving import serving, start

from allears.cli.app import run
from allears.space import Space

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def allears(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(words)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def space(migrated: Callable[[], str], tmp_path: Path, allears: Run) -> Path:
    assert allears("new", str(tmp_path / "shop"), "--desk", migrated())[0] == 0
    return tmp_path / "shop"


def test_commands_work_as_they_do_on_one_file(space: Path, tmp_path: Path, allears: Run) -> None:
    (tmp_path / "mail.csv").write_text(
        "id,text,email\n1,My parcel never came,bo@example.com\n2,Thank you,al@example.com\n"
    )
    where = ("--space", str(space))
    assert allears("listen", str(tmp_path / "mail.csv"), "--source", "mail", "--yes", *where)[0] == 0
    # A file that is listened to is digested at once.
    assert json.loads(allears("digest", "--json", *where)[1])["stored"] == 0
    status = json.loads(allears("status", "--json", *where)[1])
    assert (status["stored"], status["pending"]) == (2, 0)
    assert "mend" not in allears("doctor", *where)[1]
    assert not (space / "desk.db").exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_is_away_leaves_no_half_space(tmp_path: Path, allears: Run) -> None:
    code, _, told = allears(
        "new", str(tmp_path / "shop"), "--desk", "postgresql+pg8000://ears@127.0.0.1:1/ears"
    )
    assert code == 1 and "cannot be reached" in told and "Traceback" not in told
    assert not (tmp_path / "shop").exists()
    gc.collect()  # the driver leaves the socket of a connection that was refused to the collector


def test_two_servers_on_one_desk_take_each_signal_once_though_one_is_killed(space: Path) -> None:
    with Space.open(space) as opened:
        key, _ = opened.keys.make("engineer", "shop")
    head = {"Authorization": f"Bearer {key}"}
    acknowledged: set[str] = set()

    def send(url: str) -> None:
        # Both are sent the same ids: whichever comes second is a duplicate.
        for number in range(40):
            rows = [
                {
                    "signal_id": f"s{number}-{i}",
                    "text": "My parcel never came",
                    "identifiers": {"user_id": f"u{i}"},
                }
                for i in range(5)
            ]
            try:
                answer = httpx.post(f"{url}/signals?source=own", json=rows, headers=head, timeout=20)
            except httpx.HTTPError:
                return  # killed
            if answer.status_code == 200:
                acknowledged.update(str(row["signal_id"]) for row in rows)

    with serving(space, "--role", "all") as one:
        other = start(space, "--role", "all")
        threads = [threading.Thread(target=send, args=(server.url,)) for server in (one, other)]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        other.kill()
        if other.process.stdout is not None:
            other.process.stdout.close()
        for thread in threads:
            thread.join()
        assert httpx.get(f"{one.url}/api/status", headers=head, timeout=20).status_code == 200
    with Space.open(space) as opened:
        opened.digest(look=False)
        stored = opened.ground.engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist()
        assert opened.status()["pending"] == 0
    assert len(stored) == len(set(stored)) == len(acknowledged) == 200
