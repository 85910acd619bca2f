"""Coverage-guided fuzzing of each parser: bytes are changed for as long as they reach code that none reached before.

``ALLEARS_BENCH_SECONDS`` for each parser (60). Atheris follows branches of our own code; it runs in an environment of
its own (``uv run --with atheris``), is needed here only, and is no dependency. What a run finds is printed as base64.

A finding is an exception that is no verdict, or a verdict that does not hold: more rows read than accepted, a payload
that the door accepts and the digest cannot read, or a run of more than ten seconds.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.report import Row, row

ROOT = Path(__file__).resolve().parents[1]
# Each reads what strangers send: formats of the doors, webhooks, segments on a disk, files, times.
TARGETS = (
    "segment", "signals", "rows", "mail", "call", "answers", "otlp-traces", "otlp-logs", "otlp-metrics", "hook", "frames",
    "files", "times",
)  # fmt: skip


def rows() -> list[Row]:
    seconds = int(os.environ.get("ALLEARS_BENCH_SECONDS", "60"))
    return [_fuzzed(target, seconds) for target in TARGETS]


def _fuzzed(target: str, seconds: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        bounds = (
            f"-max_total_time={seconds}",
            "-max_len=2000",
            "-timeout=10",
            f"-artifact_prefix={folder}/found-",
        )
        words = [
            "uv",
            "run",
            "-q",
            "--with",
            "atheris",
            "python",
            "-m",
            "bench.fuzz",
            target,
            folder,
            *bounds,
        ]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, errors="replace")
        found = sorted(Path(folder).glob("found-*"))
        runs = re.findall(r"^#(\d+)", done.stderr, flags=re.M)
        reached = re.findall(r"cov: (\d+)", done.stderr)
        for one in found:
            print(
                f"{target}: {base64.b64encode(one.read_bytes()).decode()}\n{done.stderr[-3000:]}",
                file=sys.stderr,
            )
        if not runs:
            return row("parser fuzzed", f"{target}: skipped, atheris did not run", 0, "findings")
    data = (
        f"{target}: {int(runs[-1]):,} bodies in {seconds} s, {reached[-1] if reached else 0} branches reached"
    )
    return row("parser fuzzed", data, len(found) + bool(done.returncode and not found), "findings", reference=0,
               source="atheris (libFuzzer) from our own examples; a finding is no verdict, a wrong one, or 10 s")  # fmt: skip


def _run(target: str, *words: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["allears"]):
        from bench.fuzzed import one, seeds

    folder = Path(words[0]) / "corpus"
    folder.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(folder), *words[1:]], one(target))
    atheris.Fuzz()


if __name__ == "__main__":
    _run(*sys.argv[1:])
