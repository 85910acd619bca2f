"""Real clients from npm: installed once into a cache outside the checkout, run with the machine's own Node."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Exact versions, so that a test fails for our reasons only.
PACKAGES = {
    "@segment/analytics-node": "2.2.1",
    "@segment/analytics-next": "1.84.3",
    "@opentelemetry/api": "1.9.1",
    "@opentelemetry/api-logs": "0.223.1",
    "@opentelemetry/resources": "2.12.1",
    "@opentelemetry/sdk-trace-base": "2.12.1",
    "@opentelemetry/sdk-metrics": "2.12.1",
    "@opentelemetry/sdk-logs": "0.223.1",
    "@opentelemetry/exporter-trace-otlp-proto": "0.223.1",
    "@opentelemetry/exporter-trace-otlp-http": "0.223.1",
    "@opentelemetry/exporter-metrics-otlp-proto": "0.223.0",
    "@opentelemetry/exporter-logs-otlp-http": "0.223.0",
}


def install() -> Path:
    """Give the folder that holds ``node_modules``; the test is skipped where Node, npm or its registry is absent."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    wanted = json.dumps({"name": "clients", "private": True, "dependencies": PACKAGES})
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "allears-tests"
    folder = caches / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(wanted, "utf-8")
        done = subprocess.run(
            [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--no-package-lock",
                "--ignore-scripts",
                "--silent",
            ],
            cwd=folder,
            capture_output=True,
            timeout=300,
        )
        if done.returncode:
            pytest.skip("npm could not install the clients")
        (folder / "whole").touch()
    return folder


def run(folder: Path, script: str, *words: str) -> None:
    """Run a script in the folder; its output is shown when it fails."""
    done = subprocess.run(
        ["node", "--input-type=commonjs", "-e", script, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
