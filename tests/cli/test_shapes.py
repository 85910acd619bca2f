"""What scripts rely on: keys of ``--json``, exit codes, and what a server prints when it starts."""

from __future__ import annotations

import io
import json
import random
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.serving import allears, serving
from tests.shapes import BENCH, ISSUE, RECEIPT, REFUSED, STATUS, TRUST, check
from tests.web.world import make_space

from allears.cli import show
from allears.cli.app import run

WEEKS, A_WEEK = 9, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space with an issue, and nine weeks of stars beside one row that is none."""
    folder = tmp_path_factory.mktemp("shapes") / "acme"
    make_space(folder)
    chance, now = random.Random(1), datetime.now(UTC)
    rows = [
        f"{week}-{n},{now - timedelta(weeks=week, hours=n):%Y-%m-%dT%H:%M:%SZ},@person{n},the parcel came in week {week} I think,{chance.randint(1, 5)}\n"
        for week in range(WEEKS)
        for n in range(A_WEEK)
    ]
    (folder.parent / "stars.csv").write_text(
        "id,created_at,author,text,stars\n" + "".join(rows) + "9,soon,@ada,when will it come,2\n"
    )
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, Any]:
    """What each command prints, asked of that space."""
    stars = folder.parent / "stars.csv"
    found = {
        "listen": json.loads(
            _printed("listen", str(stars), "--source", "stars", "--json", "--space", str(folder))
        )
    }
    for name in ("status", "refused", "issues", "trust"):
        found[name] = json.loads(_printed(name, "--json", "--space", str(folder)))
    return found


def _printed(*words: str) -> str:
    with redirect_stdout(io.StringIO()) as out:
        assert run(words) == 0
    return out.getvalue()


def test_listen_tells_what_became_of_the_rows(answers: dict[str, Any]) -> None:
    check(answers["listen"], RECEIPT)
    told = answers["listen"]
    assert (told["accepted"], told["duplicates"], told["refused"]) == (WEEKS * A_WEEK, 0, 1)
    assert told["source"] == "stars"
    assert (told["mapping"]["text"], told["mapping"]["rating"]) == ("text", "stars")


def test_status_adds_up(answers: dict[str, Any]) -> None:
    told = answers["status"]
    check(told, STATUS)
    assert told["accepted"] == told["stored"] + told["pending"]
    assert {one["source"] for one in told["sources"]} == {"desk", "forum", "stars", "loft", "till"}
    assert all(isinstance(line, str) for line in told["contract"]) and len(told["contract"]) == 5


def test_sources_tell_counts_and_what_was_read_as_what(
    folder: Path, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = {one["source"]: one for one in json.loads(_printed("sources", "--json", "--space", str(folder)))}
    stars = found["stars"]
    assert (stars["stored"], stars["refused"]) == (WEEKS * A_WEEK, 1)
    assert stars["mapping"] == answers["listen"]["mapping"]
    assert run(["sources", "--space", str(folder)]) == 0
    assert "stars: read as" in capsys.readouterr().out


def test_ids_and_times_are_never_cut_in_two_at_80_columns(
    folder: Path, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.out, "_width", 80)
    for name in ("issues", "cases", "status", "trust", "customers"):
        printed = _printed(name, "--space", str(folder))
        assert max(map(len, printed.splitlines())) <= 80, name
        for row in json.loads(_printed(name, "--json", "--space", str(folder))) if name != "status" else ():
            for key in {"id", "detected_at", "resolve_by", "last_at"} & set(row):
                value = row[key][:16].replace("T", " ") if key.endswith(("_at", "_by")) else row[key]
                assert value in printed, (name, key)


def test_refused_names_place_and_reason(answers: dict[str, Any]) -> None:
    [row] = [row for row in answers["refused"] if row["source"] == "stars"]
    check(row, REFUSED)
    assert "soon" not in json.dumps(row)


def test_issues_have_their_keys(answers: dict[str, Any]) -> None:
    assert answers["issues"]
    for row in answers["issues"]:
        check(row, ISSUE)


def test_trust_has_its_parts_and_intervals(answers: dict[str, Any]) -> None:
    assert answers["trust"]
    for row in answers["trust"]:
        check(row, TRUST)
        assert row["part"] in ("stated", "behavioural", "composite")
        if row["estimate"] is not None:
            assert row["low"] <= row["estimate"] <= row["high"]
    assert any(row["part"] == "stated" and row["estimate"] is not None for row in answers["trust"])


def test_bench_prints_figures_with_reference_and_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
    from bench import chaos

    # The measuring is left out, the printing is not.
    monkeypatch.setattr(chaos, "run", lambda *_, **__: chaos.Found())
    assert run(["bench", "chaos", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows
    for row in rows:
        check(row, BENCH)


# The shape of `demo --json` is checked where a whole demo is lived through: tests/journey/test_space.py.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["status"]),
        (0, ["issues", "--state", "open"]),
        (0, ["sql", "select count(*) as n from signals"]),
        (0, ["audit", "verify"]),
        (1, ["listen", "nowhere.csv", "--source", "x"]),
        (1, ["customer", "nobody@example.com"]),
        (1, ["issue", "show", "i-nowhere"]),
        (1, ["case", "move", "k-nowhere", "fixed"]),
        (1, ["sql", "select * from nowhere"]),
        (2, ["listen"]),
        (2, ["listen", "nowhere.csv"]),
        (2, ["listen", "nowhere.csv", "--source", "x", "--channel", "pigeon"]),
        (2, ["issues", "--state", "sideways"]),
        (2, ["trust", "--every", "blue moon"]),
        (2, ["signals", "--limit", "many"]),
        (2, ["keys", "new", "--role", "king", "--name", "x"]),
        (2, ["nonsense"]),
        (2, ["status", "too", "many"]),
    ],
)
def test_exit_codes_tell_right_use_failure_and_wrong_use(
    code: int, words: list[str], folder: Path, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--space", str(folder)]) == code, capsys.readouterr()
    said = capsys.readouterr()
    assert code == 0 or said.err.strip() or said.out.strip()
    assert run([*words, "--json", "--space", str(folder)]) == code
    told = json.loads(capsys.readouterr().out)
    assert code == 0 or {"code", "message", "place"} <= set(told["error"])


def test_a_demo_that_is_too_small_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--days", "3", "--no-serve", "--json", "--directory", str(tmp_path / "d")]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["place"] == "--days"
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_serve_says_where_it_listens_and_its_first_key_once(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    allears("new", str(folder))
    with serving(folder, "--role", "listen") as first:
        assert first.url.startswith("http://127.0.0.1:")
        assert first.first_key
    with serving(folder, "--role", "listen") as second:
        assert second.url.startswith("http://127.0.0.1:")
        assert second.first_key == ""
