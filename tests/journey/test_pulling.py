"""Pulls through the whole journey: durable before the cursor moves, nothing lost or doubled, secrets sealed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.listen.pull.answers import Place, Told, answering
from tests.listen.pull.conftest import QUICK

from allears.cli.app import run
from allears.errors import NotFound, NotReady, Refused, WorldFailed
from allears.journey import pulling
from allears.journey.pulls import Pulls, rest_seconds
from allears.lake.inbox import Inbox, InboxFull
from allears.settings import PullSettings, Settings, SpaceSettings
from allears.space import Space

RECIPE = """says = "a list"
url = "{base}/list"
records = "rows"
order = "oldest"
secret = "a key"
per_minute = 60000

[query]
after = "{last}"

[headers]
authorization = "Bearer {secret}"

[next]
parameter = "after"
token = "rows[-1].id"

[mapping]
id = "id"
text = "say"
occurred_at = "at"
channel = "social"
"""


@pytest.fixture
def place() -> Iterator[Place]:
    with answering() as found:
        found.tell("/list", listing)
        yield found


def listing(query: dict[str, str]) -> Told:
    start = int(query.get("after", "0"))
    return Told(
        {
            "rows": [
                {"id": str(n), "say": f"It broke {n}", "at": "2026-05-31T10:00:00Z"}
                for n in range(start + 1, min(start + 4, 11))
            ]
        }
    )


@pytest.fixture
def folder(tmp_path: Path, place: Place) -> Path:
    folder = tmp_path / "acme"
    one = PullSettings(
        name="lists",
        kind="list.toml",
        url=place.url,
        allow_private=True,
        secret_env="LIST_KEY",
        every_seconds=1,
    )
    with Space.open(folder, settings=Settings(space=SpaceSettings(name="acme"), pull=(one,))):
        (folder / "list.toml").write_text(RECIPE, "utf-8")
    return folder


@pytest.fixture
def space(folder: Path) -> Iterator[Space]:
    with Space.open(folder) as opened:
        yield opened


KEY = {"LIST_KEY": "k1"}


def stored(space: Space) -> list[str]:
    space.digest(look=False)
    found: list[str] = space.ground.engine.query("SELECT signal_id FROM signals ORDER BY signal_id")[
        "signal_id"
    ].to_pylist()
    return found


EACH = sorted(f"lists:{n}" for n in range(1, 11))


def test_a_pull_goes_on_where_the_last_one_ended(space: Space, place: Place) -> None:
    receipt = space.pull("lists", environment=KEY)
    assert (receipt.accepted, receipt.duplicates) == (10, 0)
    assert pulling.cursor_of(space.ground, "lists") == {"last": "10"}
    assert space.pull("lists", environment=KEY).accepted == 0
    assert place.asked[-1][1] == {"after": "10"} and place.asked[-1][2]["authorization"] == "Bearer k1"
    assert stored(space) == EACH


def test_ids_stored_long_ago_do_not_count_again(space: Space) -> None:
    space.pull("lists", environment=KEY)
    stored(space)
    pulling.forget_cursor(space.ground, "lists")
    receipt = space.pull("lists", environment=KEY)
    assert (receipt.accepted, receipt.duplicates) == (0, 10)
    assert stored(space) == EACH


def test_a_crash_before_the_cursor_is_saved_repeats_a_page_and_doubles_nothing(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(pulling, "_write", crash)
        space.pull("lists", environment=KEY)
    assert pulling.cursor_of(space.ground, "lists") == {}
    receipt = space.pull("lists", environment=KEY)
    assert (receipt.accepted, receipt.duplicates) == (7, 3)
    assert stored(space) == EACH


def test_a_cursor_never_moves_before_its_page_is_durable(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise InboxFull("the disk is nearly full")

    stop = threading.Event()
    stop.set()
    with monkeypatch.context() as patch, pytest.raises(InboxFull):
        patch.setattr(Inbox, "append", full)
        space.pull("lists", environment=KEY, stop=stop)
    assert pulling.cursor_of(space.ground, "lists") == {}
    assert space.pull("lists", environment=KEY).accepted == 10


def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(folder: Path, place: Place) -> None:
    slow = [lambda query, wait=wait: Told(listing(query).body, late=wait) for wait in (0.05,)]
    place.answers["/list"] = slow  # type: ignore[assignment]
    for round_ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "allears", "pull", "lists", "--no-digest", "--space", str(folder)],
            env={**os.environ, **KEY}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        asked = len(place.asked)
        _until(lambda asked=asked, round_=round_: len(place.asked) > asked + round_)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Space.open(folder) as space:
        space.pull("lists", environment=KEY)
        assert stored(space) == EACH


def test_what_failed_is_noted_and_the_next_pull_goes_on(space: Space, place: Place) -> None:
    place.answers["/list"] = [listing, Told(b"", 401)]
    with pytest.raises(WorldFailed):
        space.pull("lists", environment=KEY)
    [noted] = space.pulls()
    assert (noted["failures"], noted["error"]) == (1, "answered 401: the key is missing, wrong or may not")
    assert pulling.cursor_of(space.ground, "lists") == {"last": "3"}
    place.answers["/list"] = [listing]
    assert space.pull("lists", environment=KEY).accepted == 7
    assert space.pulls()[0]["failures"] == 0


def test_refused_rows_are_kept_and_read_the_same_way_when_replayed(space: Space, place: Place) -> None:
    place.answers["/list"] = [
        Told({"rows": [{"id": "1", "say": "hello", "at": "when?"}]}),
        Told({"rows": []}),
    ]
    receipt = space.pull("lists", environment=KEY)
    assert (receipt.accepted, receipt.refused, receipt.reasons[0]["reason"]) == (0, 1, "expected a time")
    assert space.replay().refused == 1


def test_a_secret_is_sealed_in_the_desk_and_never_shown(space: Space, folder: Path, place: Place) -> None:
    with pytest.raises(Refused, match="no variable LIST_KEY"):
        space.pull("lists", environment={})
    pulling.seal_secret(space.ground, "lists", "geheim-12345")
    space.pull("lists", environment={})
    assert place.asked[-1][2]["authorization"] == "Bearer geheim-12345"
    assert space.pulls()[0]["secret"] == "sealed"
    assert all(b"geheim" not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_two_processes_do_not_pull_the_same_at_once(space: Space) -> None:
    with pulling._alone(space.ground, "lists"), pytest.raises(NotReady):
        space.pull("lists", environment=KEY)


def test_looking_keeps_nothing(space: Space) -> None:
    rows, refused = space.look("lists", environment=KEY)
    assert [row["text"] for row in rows] == ["It broke 1", "It broke 2", "It broke 3"] and refused == []
    assert pulling.cursor_of(space.ground, "lists") == {} and stored(space) == []


def test_pulls_go_on_while_the_server_runs_and_rest_while_a_place_fails(
    space: Space, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allears.journey.pulls.FIRST_REST", 0.05)
    place.answers["/list"] = [Told(b"", 404), listing]
    pulls = Pulls(space.ground, KEY, QUICK)
    monkeypatch.setattr("allears.journey.pulls.LONGEST_REST", 0.05)
    pulls.start()
    try:
        _until(lambda: pulling.cursor_of(space.ground, "lists") == {"last": "10"})
    finally:
        pulls.stop()
    assert stored(space) == EACH


def test_rests_grow_and_never_undercut_what_a_place_asks_for() -> None:
    assert rest_seconds(300, 1, None) == 300 and rest_seconds(10, 3, None) == 120
    assert rest_seconds(10, 1, WorldFailed("x", again=False)) == 3600
    assert rest_seconds(10, 1, WorldFailed("x", again=True, wait_seconds=7200)) == 7200


def _until(done: Any) -> None:
    for _ in range(2400):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_the_commands_say_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["pull", "nobody", "--space", str(folder)]) == 1
    assert "there are: lists" in capsys.readouterr().err
    monkeypatch.setenv("LIST_KEY", "k1")
    assert run(["pull", "lists", "--try", "--json", "--space", str(folder)]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3
    assert run(["pull", "lists", "--json", "--space", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 10
    assert run(["pulls", "--json", "--space", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["pulled_at"]
    assert run(["pulls", "again", "lists", "--space", str(folder)]) == 0
    assert run(["pulls", "kinds", "--json", "--space", str(folder)]) == 0


def test_a_mapping_outside_the_folder_is_not_read(space: Space) -> None:
    one = PullSettings(name="lists", kind="hackernews", mapping="../../etc/passwd")
    with pytest.raises(NotFound):
        pulling.mapping_given(space.ground, one)


def test_two_pulls_of_one_name_are_refused(tmp_path: Path) -> None:
    from allears.settings import read_settings_text

    with pytest.raises(Refused, match="different `name`"):
        read_settings_text('[[pull]]\nname = "a"\nkind = "feed"\n[[pull]]\nname = "a"\nkind = "imap"\n')


def test_a_watched_folder_that_vanished_is_told_among_the_failures(tmp_path: Path) -> None:
    watched = tmp_path / "drop"
    watched.mkdir()
    (watched / "a.jsonl").write_text('{"id": "1", "text": "It broke"}\n')
    os.utime(watched / "a.jsonl", (1e9, 1e9))
    settings = Settings(pull=(PullSettings(name="drop", kind="folder", url=str(watched)),))
    with Space.open(tmp_path / "space", settings=settings) as space:
        assert space.pull("drop").accepted == 1
        watched.rename(tmp_path / "gone")
        for number in (1, 2):
            with pytest.raises(NotFound):
                space.pull("drop")
            [told] = pulling.listed(space.ground)
            assert (told["failures"], told["error"]) == (number, "no such folder")
        (tmp_path / "gone").rename(watched)
        # What was taken is remembered still.
        assert space.pull("drop").accepted == 0
        assert pulling.listed(space.ground)[0]["failures"] == 0
