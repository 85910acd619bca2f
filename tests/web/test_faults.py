"""A real server and what the world does to it: a digest that does not come, a disk that fills."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.serving import Server, new_space, serving

from allears.space import Space

pytestmark = pytest.mark.slow
# One for all that is sent: making one takes longer than a request. A kept connection might just be ended by its server.
HTTP = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


def send(server: Server, key: str, prefix: str, count: int = 20, *, note: str = "") -> httpx.Response:
    calls = [
        {
            "type": "track",
            "event": "Viewed",
            "userId": "u",
            "messageId": f"{prefix}-{n}",
            "properties": {"note": note},
        }
        for n in range(count)
    ]
    headers = {"Authorization": f"Bearer {key}"}
    return HTTP.post(f"{server.url}/v1/batch", json={"batch": calls}, headers=headers)


def ids(prefix: str, count: int = 20) -> set[str]:
    return {f"shop:{prefix}-{n}" for n in range(count)}


def stored(folder: Path) -> list[str]:
    with Space.open(folder, create=False) as space:
        space.digest(look=False)
        assert space.status()["pending"] == 0
        return sorted(space.ground.engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist())


def until(holds: Callable[[], bool], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_a_digest_that_does_not_come_fills_neither_memory_nor_disk_and_is_caught_up(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    key = new_space(folder, "sender")
    settings = folder / "allears.toml"
    settings.write_text(settings.read_text("utf-8") + "\n[listen]\ninbox_mb = 2\npending_mb = 1\n", "utf-8")
    taken: set[str] = set()
    with serving(folder, "--role", "listen") as server:
        send(server, key, "first")
        taken |= ids("first")
        before, number, full = _resident(server), 0, 0
        end = time.monotonic() + 300
        while full < 50:
            assert time.monotonic() < end, "it never said stop"
            answer = send(server, key, f"n{number}", note=secrets.token_urlsafe(11_000))
            if answer.status_code == 200:
                taken |= ids(f"n{number}")
                number += 1
            else:
                assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
                full += 1
        held = sum(path.stat().st_size for path in (folder / "inbox").glob("*.seg"))
        # Looked at once a second: what comes within one may pass the bound.
        assert 2 << 20 < held < 400 << 20
        assert _resident(server) - before < 150 << 20
        assert stored(folder) == sorted(taken)
        # A writing server keeps its segment: it is emptied when it is full, or when the server takes the next one.
        until(lambda: _again(server, key, folder, taken))
    assert stored(folder) == sorted(taken)


def _again(server: Server, key: str, folder: Path, taken: set[str]) -> bool:
    answer = send(server, key, "after")
    if answer.status_code == 200:
        taken |= ids("after")
    return answer.status_code == 200


def _resident(server: Server) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text("utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_disk_that_fills_under_the_digest_loses_and_doubles_nothing(small_disk: Path) -> None:
    folder = small_disk / "space"
    key = new_space(folder, "sender")
    settings = folder / "allears.toml"
    settings.write_text(settings.read_text("utf-8") + "\n[listen]\nmin_free_mb = 1\n", "utf-8")
    taken: set[str] = set()
    filler = small_disk / "filler"
    with serving(folder, "--role", "listen,digest") as server:
        for number in range(5):
            assert send(server, key, f"a{number}").status_code == 200
            taken |= ids(f"a{number}")
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(bytes(free - (64 << 10)))
        said: list[int] = []

        def refused() -> bool:
            prefix = f"b{len(said)}"
            said.append(send(server, key, prefix).status_code)
            taken.update(ids(prefix) if said[-1] == 200 else ())
            return said.count(429) >= 5

        until(refused)
        assert set(said) <= {200, 429}
        filler.unlink()
        until(lambda: _again(server, key, folder, taken))
        until(lambda: HTTP.get(f"{server.url}/health/ready").json()["pending"] == 0)
    assert stored(folder) == sorted(taken)


# A machine whose clock is set by somebody else: read before anything of Allears asks for the time.
JUMPING = """
import time
from datetime import timedelta
from pathlib import Path
from allears.clock import SystemClock

days, real, now = Path(__file__).with_name("days"), time.time, SystemClock.now
time.time = lambda: real() + 86_400 * int(days.read_text())
SystemClock.now = lambda self: now(self) + timedelta(days=int(days.read_text()))
"""


def test_a_clock_that_jumps_by_years_under_a_running_server_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, machine = tmp_path / "space", tmp_path / "machine"
    machine.mkdir()
    (machine / "days").write_text("0")
    (machine / "sitecustomize.py").write_text(JUMPING)
    monkeypatch.setenv("PYTHONPATH", str(machine))
    key = new_space(folder, "sender")
    taken: set[str] = set()

    def caught_up() -> bool:
        counted = space.ground.engine.query("SELECT count(*) AS n FROM signals")
        return int(counted["n"].to_pylist()[0]) == len(taken)

    with serving(folder) as server, Space.open(folder, create=False) as space:
        for days in (0, 400, -400, 3650, 0):
            # Put there whole: a server that read half of it would have no clock at all.
            (machine / "next").write_text(str(days))
            (machine / "next").replace(machine / "days")
            for part in "ab":
                answer = send(server, key, f"{part}{days}")
                assert answer.status_code == 200, answer.text
                taken |= ids(f"{part}{days}")
                # Digested while the clock stands there, and not put off until it has come back.
                until(caught_up)
            assert HTTP.get(f"{server.url}/health/ready").status_code == 200
    assert stored(folder) == sorted(taken)
    with Space.open(folder, create=False) as space:
        years = space.ground.engine.query(
            "SELECT DISTINCT year(received_at) - year(now()::TIMESTAMP) AS y FROM signals"
        )
    assert max(years["y"].to_pylist()) >= 9, "the server's clock did not jump"
