"""kill -9 of the real server under load, at random moments: what was acknowledged is what is stored, once."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.serving import new_space, start

from allears.space import Space

ROUNDS = 20


class Sender(threading.Thread):
    """Sends batches with their own ids and sends each again until it is acknowledged, as real clients do."""

    def __init__(self, name: str, key: str, address: list[str], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.prefix, self.key, self.address, self.stopped = name, key, address, stop
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()

    def run(self) -> None:
        number = 0
        with httpx.Client(timeout=5, headers={"Authorization": f"Bearer {self.key}"}) as client:
            while not self.stopped.is_set():
                ids = [f"{self.prefix}-{number}-{i}" for i in range(20)]
                number += 1
                self.sent |= {f"shop:{i}" for i in ids}
                batch = [
                    {
                        "type": "track",
                        "event": "Viewed",
                        "messageId": i,
                        "anonymousId": self.prefix,
                        "timestamp": "2026-06-01T10:00:00Z",
                    }
                    for i in ids
                ]
                while not self._send(client, batch) and not self.stopped.is_set():
                    time.sleep(0.05)
                else:
                    if not self.stopped.is_set():
                        self.acknowledged |= {f"shop:{i}" for i in ids}

    def _send(self, client: httpx.Client, batch: list[dict[str, str]]) -> bool:
        try:
            return client.post(f"{self.address[0]}/v1/batch", json={"batch": batch}).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.mark.slow
def test_kill_minus_nine_loses_no_acknowledged_signal_and_doubles_none(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    key = new_space(folder)
    chance = random.Random(7)
    server = start(folder, "--role", "listen,digest")
    address, stop = [server.url], threading.Event()
    senders = [Sender(f"s{n}", key, address, stop) for n in range(3)]
    for sender in senders:
        sender.start()
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0.05, 1.0))
        server.kill()
        if server.process.stdout:
            server.process.stdout.close()
        server = start(folder, "--role", "listen,digest")
        address[0] = server.url
    time.sleep(1.0)
    stop.set()
    for sender in senders:
        sender.join(20)
    server.kill()
    if server.process.stdout:
        server.process.stdout.close()
    with Space.open(folder, create=False) as space:
        space.digest(look=False)
        stored = space.ground.engine.query("SELECT signal_id, count(*) AS n FROM signals GROUP BY signal_id")
        status = space.status()
    ids = set(stored["signal_id"].to_pylist())
    acknowledged = set().union(*(s.acknowledged for s in senders))
    assert len(acknowledged) > 1000
    assert acknowledged <= ids, "an acknowledged signal is missing"
    assert ids <= set().union(*(s.sent for s in senders)), "a signal nobody sent"
    assert set(stored["n"].to_pylist()) == {1}, "a signal was stored twice"
    assert status["pending"] == 0
