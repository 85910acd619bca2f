"""Growth: what a signal costs when there are 0.1, 1, 10 or 30 million already, on this machine and on one or two executors.

``ALLEARS_BENCH_SIZES=100_000,1_000_000,10_000_000`` names the sizes, ``ALLEARS_BENCH_MINUTES`` when to begin no more of
them. What was measured is kept in ``ALLEARS_BENCH_KEPT`` (default ``~/.cache/allears-bench``) and not measured again;
``python -m bench.scale`` writes docs/scale.md from it, ``ALLEARS_BENCH_BESIDE`` says there what else ran on the machine.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.report import Row, machine, row

SIZES = [int(s) for s in os.environ.get("ALLEARS_BENCH_SIZES", "100_000,1_000_000").split(",")]
MINUTES = float(os.environ.get("ALLEARS_BENCH_MINUTES", "30"))
KEPT = Path(os.environ.get("ALLEARS_BENCH_KEPT", Path.home() / ".cache" / "allears-bench"))
FRESH, BATCHES = 10_000, 5
TIMES = 3
SHARED = 50_000
MOST_ON_SPARK = 10_000_000
"""Above, reading every signal again and again on one core takes too long for a bench."""
PARTS = ("laid", "grown", "spark1", "spark2")
"""What is measured of a size, each in a process of its own, so that memory is that of the part alone."""
Measured = dict[str, Any]

SCANS = {
    "channels by day": """SELECT date_trunc('day', occurred_at) AS d, channel, count(*) AS n, count(DISTINCT customer_key) AS who
        FROM signals GROUP BY ALL""",
    "topics": """SELECT topic, count(*) AS n, avg(sentiment) AS s FROM
        (SELECT unnest(topics) AS topic, sentiment FROM signals) GROUP BY topic""",
    "customers by last contact": """SELECT customer_key, count(*) AS n, count(DISTINCT channel) AS c, max(occurred_at) AS last
        FROM signals GROUP BY customer_key ORDER BY last DESC LIMIT 100""",
    "who was active in which week": """SELECT w, count(*) AS n FROM (SELECT DISTINCT customer_key,
        date_trunc('week', occurred_at) AS w FROM signals WHERE kind = 'event') GROUP BY w""",
}
"""Questions that read every signal, alike on both engines."""


def rows() -> list[Row]:
    found: list[Row] = []
    for size, told in measure(SIZES, MINUTES).items():
        found += _rows(size, told)
    return found


def measure(sizes: list[int], minutes: float) -> dict[int, Measured]:
    """Measure what is not measured yet, smallest first, and give all that is."""
    KEPT.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    told: dict[int, Measured] = {}
    for size in sorted(sizes):
        kept = KEPT / f"scale-{size}.json"
        told[size] = json.loads(kept.read_text()) if kept.is_file() else {"machine": machine()}
        missing = [
            part for part in PARTS if part not in told[size] and (size <= MOST_ON_SPARK or part in PARTS[:2])
        ]
        left = minutes * 60 - (time.monotonic() - begun)
        if not missing or left < 0:
            if missing:
                print(f"{size:,}: not begun, the time is over", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as scratch:
            # Each part stands on the folder of the first, which is not kept.
            for part in missing if "laid" in missing else ["laid", *missing]:
                told[size][part] = _apart(part, size, Path(scratch) / "space")
                kept.write_text(json.dumps(told[size], indent=1))
    return told


def _apart(part: str, size: int, folder: Path) -> Measured:
    print(f"{size:,}: {part}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale", part, str(size), str(folder)], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{part} of {size:,} signals ended with {done.returncode}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def laid(size: int, folder: Path) -> Measured:
    """Make a space with so many signals, of two hundred each of customers who are known."""
    from bench import questions

    with _opened(folder) as space:
        customers = max(500, size // 200)
        for start in range(0, customers, 20_000):
            space.hear(
                [
                    _said("hello", f"first:{i}", f"u{i}", i)
                    for i in range(start, min(start + 20_000, customers))
                ],
                source="bench",
            )
        space.digest(look=False)
        keys = space.ground.engine.query("SELECT DISTINCT customer_key AS k FROM signals")[
            "k"
        ].combine_chunks()
        begun = time.perf_counter()
        questions.fill(space, size, keys, compact=False)
        filled = time.perf_counter() - begun
        store = space.ground.store
        before = len(store.files("signals"))
        begun = time.perf_counter()
        store.compact("signals")
        compacted = time.perf_counter() - begun
        files = store.files("signals")
        return {
            "customers": customers, "fill_seconds": filled, "compact_seconds": compacted, "files": [before, len(files)],
            "bytes": sum(map(_size, files)),
        }  # fmt: skip


def grown(size: int, folder: Path) -> Measured:
    """Digest fresh messages on top, then ask the questions behind the pages."""
    from bench import questions
    from bench.digest import simulated_texts

    texts = simulated_texts()
    begun = time.perf_counter()
    with _opened(folder) as space:
        opened = time.perf_counter() - begun
        spent: list[float] = []
        chance = random.Random(2)
        held = {*space.ground.store.files("signals")}
        space.digester.reader().read(texts[:10])
        for batch in range(BATCHES):
            space.hear(
                [
                    _said(
                        texts[(batch * FRESH + i) % len(texts)],
                        _id(chance),
                        f"u{i % max(500, size // 200)}",
                        i,
                    )
                    for i in range(FRESH)
                ],
                source="bench",
            )
            begun = time.perf_counter()
            space.digest(look=False)
            spent.append((time.perf_counter() - begun) / FRESH)
        fresh = sum(map(_size, {*space.ground.store.files("signals")} - held))
        event_bytes, event_seconds = _events(space, max(500, size // 200))
        digest_memory = _peak_mb()
        one = space.ground.engine.query("SELECT min(customer_key) AS k FROM signals")["k"][0].as_py()
        asked = {}
        for name, ask in questions._questions(space, one).items():
            times = []
            for _ in range(1 + TIMES):
                begun = time.perf_counter()
                ask()
                times.append(time.perf_counter() - begun)
            asked[name] = {"first": times[0], "warm": statistics.median(times[1:])}
        return {
            "open_seconds": opened, "signal_seconds": sorted(spent), "fresh_bytes": fresh / (BATCHES * FRESH),
            "event_bytes": event_bytes, "event_seconds": event_seconds, "desk_bytes": sum(map(os.path.getsize, map(str, folder.glob("desk.db*")))),
            "digest_mb": digest_memory, "questions": asked, "peak_mb": _peak_mb(), "scans": _scans(space.ground.engine, size),
        }  # fmt: skip


def _events(space: Any, customers: int) -> tuple[float, list[float]]:
    """Digest events of a shop with what events carry; gives bytes in the lake and seconds, each of one."""
    import msgspec

    from bench.questions import END

    store, spent, chance = space.ground.store, [], random.Random(1)
    held = {*store.files("signals")}
    for _ in range(BATCHES):
        for _ in range(FRESH // 500):
            calls = [
                {
                    "type": "track", "event": chance.choice(("Product Viewed", "Cart Viewed", "Order Completed")), "messageId": _id(chance),
                    "userId": f"u{chance.randrange(customers)}", "timestamp": (END - timedelta(days=1, seconds=chance.random() * 80_000)).isoformat(),
                    "context": {"app": {"version": f"4.{chance.randrange(9)}"}, "os": {"name": "iOS"}},
                    "properties": {"product_id": f"sku-{chance.randrange(5000)}", "price": chance.randrange(20_000) / 100, "currency": "EUR", "quantity": chance.randrange(1, 4)},
                }
                for _ in range(500)
            ]  # fmt: skip
            space.take("segment", msgspec.json.encode({"batch": calls}), source="web")
        begun = time.perf_counter()
        space.digest(look=False)
        spent.append((time.perf_counter() - begun) / FRESH)
    return sum(map(_size, {*store.files("signals")} - held)) / (BATCHES * FRESH), sorted(spent)


def spark1(size: int, folder: Path) -> Measured:
    """Ask what reads every signal of a cluster with one executor of one core."""
    return _on_spark(folder, size, 1)


def spark2(size: int, folder: Path) -> Measured:
    """Ask it of two."""
    return _on_spark(folder, size, 2)


def _on_spark(folder: Path, size: int, executors: int) -> Measured:
    from bench.cluster import Cluster, Missing
    from bench.questions import END

    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    try:
        cluster = Cluster(executors, memory_mb=2048)
    except Missing as error:
        return {"skipped": str(error)}
    try:
        import msgspec

        from allears.clock import SetClock
        from allears.settings import EngineSettings, read_settings, write_settings
        from allears.space import Space

        options = {
            "spark.executor.memory": "1536m", "spark.driver.memory": "1g", "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(2 * executors),
        }  # fmt: skip
        settings = read_settings(folder)
        asked_of = EngineSettings(url=cluster.url, options=options, digest=True)
        write_settings(folder, msgspec.structs.replace(settings, engine=asked_of))
        try:
            begun = time.perf_counter()
            with Space.open(folder, clock=SetClock(END)) as space:
                opened = time.perf_counter() - begun
                scans = _scans(space.ground.engine, size)
                return {
                    "open_seconds": opened,
                    "scans": scans,
                    "digest_seconds": _digested(space, size, executors),
                }
        finally:
            write_settings(folder, settings)
    finally:
        cluster.stop()


def _digested(space: Any, size: int, executors: int) -> list[float]:
    """Digest large batches of messages on the cluster; gives seconds for each message, the first batch left out."""
    from bench.digest import simulated_texts

    # Each cluster hears messages of its own: the same ids a second time would count for nothing.
    texts, chance, spent = simulated_texts(), random.Random(100 + executors), []
    for _ in range(1 + TIMES):
        for start in range(0, SHARED, FRESH):
            space.hear(
                [
                    _said(texts[(start + i) % len(texts)], _id(chance), f"u{chance.randrange(max(500, size // 200))}", i)
                    for i in range(FRESH)
                ],
                source="bench",
            )  # fmt: skip
        begun = time.perf_counter()
        parts = [part for part in space.digester.run() if part.stored]
        spent.append((time.perf_counter() - begun) / SHARED)
        if sum(part.stored for part in parts) != SHARED or not all(part.staged for part in parts):
            raise RuntimeError("the cluster did not do the work")
    return sorted(spent[1:])


def _scans(engine: Any, size: int) -> dict[str, float]:
    found = {}
    for name, sql in SCANS.items():
        times = []
        for _ in range(1 + TIMES):
            begun = time.perf_counter()
            engine.query(sql)
            times.append(time.perf_counter() - begun)
        found[name] = statistics.median(times[1:])
    return found


def _opened(folder: Path) -> Any:
    from allears.clock import SetClock
    from allears.space import Space
    from bench.questions import END

    return Space.open(folder, clock=SetClock(END))


def _said(text: str, name: str, who: str, second: int) -> dict[str, Any]:
    from bench.questions import END

    return {
        "signal_id": name, "text": text, "channel": "chat", "identifiers": {"user_id": who},
        "occurred_at": (END - timedelta(days=1, seconds=second % 80_000)).isoformat(),
    }  # fmt: skip


def _id(chance: random.Random) -> str:
    # As senders make them: nothing in it repeats.
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _size(file: str) -> int:
    return os.path.getsize(file.removeprefix("file://"))


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _rows(size: int, told: Measured) -> list[Row]:
    data = f"{size:,} simulated signals"
    found = []
    if "laid" in told:
        part = told["laid"]
        found += [
            row("lake, bytes per signal", data, part["bytes"] / size, "bytes", source="events, requests and messages, without sealed originals"),
            row("compaction", data, part["compact_seconds"] / size * 1e6, "s per million signals", source=f"{part['files'][0]:,} files to {part['files'][1]:,}"),
        ]  # fmt: skip
    if "grown" in told:
        part = told["grown"]
        spent = [1e6 * s for s in part["signal_seconds"]]
        warm = sorted(1000 * q["warm"] for q in part["questions"].values())
        slowest = max(part["questions"], key=lambda q: part["questions"][q]["warm"])
        found += [
            row("time per message", data, statistics.median(spent), "µs", low=spent[0], high=spent[-1], source=f"{BATCHES} batches of {FRESH:,} fresh messages on top, in at most two processes; low/high: range"),
            row("message, bytes in the lake", data, part["fresh_bytes"], "bytes", source="fresh messages, sealed originals included, before compaction"),
            row("event, bytes in the lake", data, part["event_bytes"], "bytes", source="fresh events of a shop with properties, before compaction"),
            row("time per event", data, 1e6 * statistics.median(part["event_seconds"]), "µs", low=1e6 * part["event_seconds"][0], high=1e6 * part["event_seconds"][-1], source="the same way"),
            row("opening the space", data, part["open_seconds"], "s"),
            row("memory of the digest, peak", data, part["digest_mb"], "MB", source="first process"),
            row("memory of the questions, peak", data, part["peak_mb"], "MB", source="the same process, afterwards"),
            row("question, half of them", data, statistics.median(warm), "ms", low=warm[0], high=warm[-1], reference=300, source=f"warm; high: {slowest}; reference: the bar of the design for 95 of 100"),
        ]  # fmt: skip
        for name, seconds in part["scans"].items():
            found.append(row(f"every signal read: {name}, DuckDB", data, seconds, "s"))
    for executors, name in ((1, "spark1"), (2, "spark2")):
        part = told.get(name, {})
        where = f"Spark, {executors} executor{'s' * (executors > 1)} of one core"
        if "skipped" in part:
            found.append(
                row(
                    f"every signal read, {where}",
                    data,
                    float("nan"),
                    "s",
                    source=f"skipped: {part['skipped']}",
                )
            )
        if "digest_seconds" in part:
            spent = [1e6 * s for s in part["digest_seconds"]]
            found.append(
                row(f"time per message, digested on {where}", data, statistics.median(spent), "µs", low=spent[0], high=spent[-1], source=f"{TIMES} batches of {SHARED:,} after a first; low/high: range; one process identifies, seals and commits")
            )  # fmt: skip
        for scan, seconds in part.get("scans", {}).items():
            reference = told.get("grown", {}).get("scans", {}).get(scan)
            found.append(
                row(
                    f"every signal read: {scan}, {where}",
                    data,
                    seconds,
                    "s",
                    reference=reference,
                    source="reference: DuckDB, all cores",
                )
            )
    return [r | {"machine": told["machine"]} for r in found]


def main() -> None:
    """Measure a part, for `measure`; without words, measure everything and write the page."""
    if len(sys.argv) == 4:
        part, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
        if part == "laid":
            shutil.rmtree(folder, ignore_errors=True)
        print(json.dumps(globals()[part](size, folder)))
        return
    from bench import scale_page

    scale_page.write(measure(SIZES, MINUTES))


if __name__ == "__main__":
    main()
