"""No payload makes Allears fetch an address, run what it says, or write outside its folder."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_no_payload_makes_it_fetch_run_or_write_elsewhere(tmp_path: Path) -> None:
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("the secret of another", "utf-8")
    before = sorted(path for path in tmp_path.rglob("*"))
    with HTTPServer(("127.0.0.1", 0), Canary) as canary:
        threading.Thread(target=canary.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{canary.server_port}"
        words = [sys.executable, "-m", "tests.journey.hostile", str(tmp_path / "space"), url, str(outside)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
        canary.shutdown()
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["found"] == []
    assert asked == []
    after = sorted(path for path in tmp_path.rglob("*") if tmp_path / "space" not in (path, *path.parents))
    assert after == before
    assert said["taken"] > 500 and said["stored"] > 250, "hardly anything was let in: this proves nothing"
