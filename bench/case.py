"""From a signal accepted to a case open, while a thousand signals a second flow through a real server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx

from bench.report import Row, row

SECONDS = 30
EVERY = 1.0


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder:
        waits = asyncio.run(_measure(Path(folder) / "space"))
    waits.sort()
    return [
        row("signal accepted to case open, p95", f"{len(waits)} detractors' answers among 1,000 signals/s, playbook detractor-callback",
            waits[int(len(waits) * 0.95)], "s", low=waits[0], high=waits[-1], reference=2.0,
            source="low/high: fastest and slowest; reference: the bar of the design; the client runs on the same two cores"),
    ]  # fmt: skip


async def _measure(space: Path) -> list[float]:
    run = [sys.executable, "-m", "allears"]
    subprocess.run([*run, "new", str(space)], check=True, capture_output=True)
    subprocess.run(
        [*run, "playbook", "on", "detractor-callback", "--space", str(space)], check=True, capture_output=True
    )
    made = subprocess.run(
        [*run, "keys", "new", "--role", "engineer", "--name", "bench", "--json", "--space", str(space)],
        check=True,
        capture_output=True,
    )
    key = json.loads(made.stdout)["key"]
    server = subprocess.Popen(
        [*run, "serve", "--space", str(space), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = next(found[1] for line in server.stdout if (found := re.search(r"listening on (\S+)", line)))
        async with httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client:
            stop = asyncio.Event()
            flow = asyncio.create_task(_flow(client, stop))
            sent = await _detractors(client)
            await asyncio.sleep(8)
            stop.set()
            await flow
    finally:
        server.terminate()
        server.wait()
    opened = _opened(space)
    return [opened[name] - at for name, at in sent.items() if name in opened]


async def _flow(client: httpx.AsyncClient, stop: asyncio.Event) -> None:
    while not stop.is_set():
        start = time.perf_counter()
        batch = [
            {"type": "track", "event": "Viewed", "messageId": uuid.uuid4().hex, "anonymousId": f"a{i}"}
            for i in range(100)
        ]
        (await client.post("/v1/batch", json={"batch": batch})).raise_for_status()
        await asyncio.sleep(max(0.0, 0.1 - (time.perf_counter() - start)))


async def _detractors(client: httpx.AsyncClient) -> dict[str, float]:
    sent = {}
    for number in range(int(SECONDS / EVERY)):
        name = f"bench:d{number}"
        answer = {
            "signal_id": f"d{number}",
            "kind": "feedback",
            "channel": "survey",
            "name": "nps",
            "rating": 1,
            "rating_scale": "nps-0-10",
            "text": "never again",
            "identifiers": {"user_id": f"unhappy-{number}"},
        }
        (await client.post("/signals?source=bench", json=answer)).raise_for_status()
        sent[name] = time.time()
        await asyncio.sleep(EVERY)
    return sent


def _opened(space: Path) -> dict[str, float]:
    """When each detractor's case was opened; those the playbook holds out have none."""
    from allears.space import Space

    with Space.open(space, create=False) as opened:
        at = {c["customer"]: c["opened_at"].timestamp() for c in opened.cases() if c["customer"]}
        graph = opened.ground.graph
        names = [f"unhappy-{n}" for n in range(int(SECONDS / EVERY))]
        owners = graph.customers_of(["user_id"] * len(names), names)
    return {f"bench:d{n}": at[owner] for n, owner in enumerate(owners) if owner in at}
