"""A vendor's tables through dlt, the whole way: from the command to the lake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.listen.pull.answers import Place, Told, answering
from tests.listen.pull.vendor_places import comment, zendesk

from allears.cli.app import run
from allears.journey import pulling
from allears.space import Space

pytest.importorskip("dlt", reason='needs pip install "allears[pull]"')
SECRET = "tok-geheim-7"


def command(folder: Path, place: Place) -> list[str]:
    return [
        "pull", "zendesk", "--source", "help", "--url", place.url, "--set", "subdomain=acme", "--set", "email=agent@example.com",
        "--secret-env", "ZENDESK_TOKEN", "--allow-private", "--per-minute", "60000", "--no-digest", "--space", str(folder),
    ]  # fmt: skip


def test_zendesk_by_one_command_twice_with_a_bad_row_and_one_customer_over_both_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENDESK_TOKEN", SECRET)
    folder = tmp_path / "acme"
    Space.open(folder).close()
    with answering() as place:
        zendesk(place)
        two = [comment(21, 4002, "thank you"), comment(22, 4002, "x", created_at="soon")]
        place.answers["/api/v2/tickets/2/comments.json"] = [Told({"comments": two, "links": {}})]
        found = []
        for _ in range(2):
            assert run([*command(folder, place), "--json"]) == 0
            found.append(json.loads(capsys.readouterr().out))
        assert run(command(folder, place)) == 0
        shown = capsys.readouterr()
    assert (found[0]["accepted"], found[0]["refused"]) == (7, 1)
    assert found[0]["reasons"][0]["reason"] == "expected a time"
    assert found[1]["accepted"] == 0
    assert '[[pull]]\nname = "help"\nkind = "zendesk"' in shown.out
    with Space.open(folder) as space:
        assert len(space.refused()) == 1
        assert space.digest(look=False)["stored"] == 7
        who = space.ground.engine.query("SELECT DISTINCT customer_key FROM signals WHERE text IS NOT NULL")
        ada = space.ground.graph.customer_of("email", "p1@example.com")
        assert ada in who["customer_key"].to_pylist()
        assert ada == space.ground.graph.customer_of("handle", "zendesk:4001")
        assert space.replay("help").refused == 1
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in written and SECRET not in shown.out + shown.err
    assert b"p1@example.com" not in written


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "acme"
    Space.open(folder).close()
    monkeypatch.setenv("ZENDESK_TOKEN", SECRET)
    with answering() as place:
        zendesk(place)
        path = "/api/v2/tickets/2/comments.json"
        last = place.answers[path][0]
        assert isinstance(last, Told)
        place.answers[path] = [Told(last.body, late=3), last]
        process = subprocess.Popen(
            [sys.executable, "-m", "allears", *command(folder, place)],
            env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while len(place.answers[path]) > 1:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Space.open(folder) as space:
            assert pulling.cursor_of(space.ground, "help") == {}
        assert run(command(folder, place)) == 0
    with Space.open(folder) as space:
        space.digest(look=False)
        found = space.ground.engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist()
        assert len(found) == len(set(found)) == 7
        assert "dlt" in pulling.cursor_of(space.ground, "help")
