"""Digest: messages of about 120 characters on one core, beside the same work done row by row with the usual libraries."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from bench import peers
from bench.report import Row, row

ROWS = 20_000
PEER_ROWS = 1_000
CHAIN_ROWS = 300


def rows() -> list[Row]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = simulated_texts()
    ours = sorted(_digest(texts) for _ in range(3))
    parts = _parts(texts)
    peer = _row_by_row(texts[:PEER_ROWS])
    data = f"{ROWS:,} simulated messages, mean {sum(map(len, texts)) / len(texts):.0f} characters, five languages"
    what = "read, identify, redact, seal, understand, commit"
    return [
        row("digest, one core", data, statistics.median(ours), "signals/s", low=ours[0], high=ours[-1],
            reference=5000, source=f"{what}; low/high: range of 3 runs; reference: the bar of the design"),
        row("redaction alone", data, parts["redact"], "messages/s", reference=20_000, source="reference: the bar of the design"),
        row("understanding alone", data, parts["read"], "messages/s", reference=5_000, source="reference: the bar of the design"),
        row("VADER + py3langid row by row", f"{PEER_ROWS:,} of the same", peer, "messages/s",
            source="language and sentiment only"),
        row("understanding against row by row", data, parts["read"] / peer, "times", source="same run"),
        *_chain(texts[:CHAIN_ROWS], statistics.median(ours)),
    ]  # fmt: skip


def _chain(texts: list[str], digest: float) -> list[Row]:
    """What the design compares with: Presidio, VADER and a language detector, each message by itself."""
    if not peers.there():
        return [
            row(
                "Presidio + VADER + py3langid row by row",
                f"{len(texts)} of the same",
                float("nan"),
                "messages/s",
                source=peers.MISSING,
            )
        ]
    rate = len(texts) / peers.ask("chain", texts)["seconds"]
    return [
        row("Presidio + VADER + py3langid row by row", f"{len(texts)} of the same", rate, "messages/s", source="Presidio with its English recognisers and en_core_web_sm"),
        row("digest against Presidio + VADER + py3langid", f"{len(texts)} of the same", digest / rate, "times", reference=10, source="same run; ours also reads, identifies, seals and commits; reference: the bar of the design"),
    ]  # fmt: skip


def simulated_texts() -> list[str]:
    """Messages of the simulated town, without the data around them."""
    import msgspec

    from allears.testing.town import Town

    texts: list[str] = []
    for payload in Town(5, 60, 14_000).payloads():
        if payload.door == "rows":
            for line in payload.body.splitlines():
                found = msgspec.json.decode(line)
                text = next(
                    (
                        found[k]
                        for k in ("text", "body", "description", "comment", "message")
                        if isinstance(found.get(k), str) and len(found[k]) > 20
                    ),
                    None,
                )
                if text:
                    texts.append(text)
        if len(texts) >= ROWS:
            return texts[:ROWS]
    return texts


def _digest(texts: list[str]) -> float:
    from allears.space import Space

    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        Space.open(Path(folder) / "space") as space,
    ):
        for start in range(0, len(texts), 5_000):
            space.hear(
                [
                    {
                        "signal_id": str(start + i),
                        "text": t,
                        "channel": "chat",
                        "occurred_at": 1_780_000_000 + start + i,
                        "identifiers": {"user_id": f"u{(start + i) % 5000}"},
                    }
                    for i, t in enumerate(texts[start : start + 5_000])
                ],
                source="bench",
            )
        space.digester  # noqa: B018 - models load before the clock starts
        space.digester.reader().read(texts[:10])
        start_at = time.perf_counter()
        stored = space.digest(look=False)["stored"]
        return stored / (time.perf_counter() - start_at)


def _parts(texts: list[str]) -> dict[str, float]:
    from allears.guard.redaction.redact import redact
    from allears.understand import Reader

    reader = Reader()
    reader.read(texts[:10])
    redact(texts[:10])
    found = {}
    for name, work in (("redact", lambda: redact(texts)), ("read", lambda: reader.read(texts))):
        start = time.perf_counter()
        work()
        found[name] = len(texts) / (time.perf_counter() - start)
    return found


def _row_by_row(texts: list[str]) -> float:
    import py3langid
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    py3langid.classify("warm up")
    start = time.perf_counter()
    for text in texts:
        py3langid.classify(text)
        analyser.polarity_scores(text)
    return len(texts) / (time.perf_counter() - start)
