"""The command line as a new user drives it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allears.cli.app import COMMANDS, run
from allears.guard.totp import code_at
from allears.journey.leave import FORMULA

Run = Callable[..., tuple[int, str, str]]

CSV = """id,created_at,author,text,stars
1,2026-06-01T10:00:00Z,@ada,The parcel never came and nobody answers the phone,1
2,2026-06-01T11:00:00Z,@bob,Wonderful service and very quick,5
3,not a time,@cyn,My card was declined twice at the checkout,2
"""


@pytest.fixture
def allears(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(words)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def space(tmp_path: Path, allears: Run) -> Path:
    folder = tmp_path / "acme"
    assert allears("new", str(folder))[0] == 0
    return folder


def as_json(text: str) -> Any:
    return json.loads(text)


def test_every_command_explains_itself(allears: Run) -> None:
    for name in COMMANDS:
        code, out, _ = allears(name, "--help")
        assert code == 0, name
        assert len(out) > 60, name


def test_a_new_space_is_private_and_made_once(tmp_path: Path, allears: Run) -> None:
    folder = tmp_path / "acme"
    assert allears("new", str(folder))[0] == 0
    assert (folder / "space.key").stat().st_mode & 0o077 == 0
    code, _, err = allears("new", str(folder))
    assert code == 1
    assert "already" in err


def test_no_space_here_says_how_to_make_one(
    tmp_path: Path, allears: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = allears("status")
    assert code == 1
    assert "allears new" in err


def test_a_wrong_option_is_wrong_use(allears: Run, space: Path) -> None:
    assert allears("status", "--sapce", str(space))[0] == 2
    assert allears("trust", "--by", "shoe-size", "--space", str(space))[0] == 2


def test_a_file_is_taken_shown_and_twice_adds_nothing(tmp_path: Path, allears: Run, space: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text(CSV, "utf-8")
    code, out, _ = allears("listen", str(file), "--source", "reviews", "--yes", "--space", str(space))
    assert code == 0
    assert "mapping" in out and "first rows" in out
    code, out, _ = allears("listen", str(file), "--source", "reviews", "--json", "--space", str(space))
    receipt = as_json(out)
    assert receipt["accepted"] == 0
    assert receipt["duplicates"] + receipt["refused"] == 3
    status = as_json(allears("status", "--json", "--space", str(space))[1])
    assert status["stored"] == status["accepted"] == 3 - receipt["refused"]
    assert status["contract"][0] == "acknowledged = fsynced"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.ndjson", b'{"id": 1, "text": "broken\n'),
        ("torn.csv.gz", gzip.compress(CSV.encode() * 50)[:-30]),
        ("nothing.csv", b""),
        ("broken.parquet", b"PAR1" + bytes(20) + b"PAR1"),
    ],
)
def test_a_file_of_which_nothing_was_taken_has_failed(
    tmp_path: Path, allears: Run, space: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    words = ("listen", str(tmp_path / name), "--source", "odd", "--space", str(space))
    code, out, _ = allears(*words, "--json")
    receipt = as_json(out)
    assert (code, receipt["accepted"]) == (1, 0) and receipt["refused"] > 0
    assert allears(*words, "--yes")[0] == 1


def test_what_was_refused_is_shown_without_the_value(allears: Run, space: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_text(
        '{"id": 1, "text": "hello there friend", "email": "ada@example.com"}\n{"id": 2, "text": "broken, ada@example.com\n',
        "utf-8",
    )
    allears("listen", str(file), "--source", "own", "--yes", "--space", str(space))
    code, out, _ = allears("refused", "--json", "--space", str(space))
    assert code == 0
    found = as_json(out)
    assert found and {"source", "place", "reason", "received_at"} <= set(found[0])
    assert "ada@example.com" not in out


def test_one_refused_row_is_shown_only_with_a_reason(allears: Run, space: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_text('{"id": 1, "text": "fine so far"}\n{"id": 2, "text": "broken, ada@example.com\n', "utf-8")
    allears("listen", str(file), "--source", "odd", "--yes", "--space", str(space))
    here = ("--json", "--space", str(space))
    [group] = as_json(allears("refused", "--groups", "--source", "odd", *here)[1])
    [row] = as_json(allears("refused", "--reason", group["reason"], "--source", "odd", *here)[1])
    code, out, _ = allears("refused", row["refused"], *here)
    assert code == 0 and "ada@example.com" not in out
    assert allears("refused", row["refused"], "--reveal", *here)[0] == 2
    code, out, _ = allears("refused", row["refused"], "--reveal", "--why", "mending the export", *here)
    assert code == 0 and "ada@example.com" in out
    newest = as_json(allears("audit", "list", "--limit", "1", *here)[1])[0]
    assert (newest["action"], newest["why"]) == ("open_sealed", "mending the export")
    assert allears("refused", "none", *here)[0] == 1
    told = as_json(allears("refused", row["refused"], "--replay", *here)[1])
    assert (told["accepted"], told["refused"]) == (0, 1)


def test_a_missing_file_is_said_plainly(allears: Run, space: Path) -> None:
    code, _, err = allears("listen", "nowhere.csv", "--source", "x", "--space", str(space))
    assert code == 1
    assert "no such file" in err


def test_an_empty_file_adds_nothing_and_says_so(allears: Run, space: Path, tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_bytes(b"")
    code, out, _ = allears("listen", str(file), "--source", "x", "--json", "--space", str(space))
    assert code == 1
    assert as_json(out)["accepted"] == 0


def test_an_empty_space_answers_every_question(allears: Run, space: Path) -> None:
    for words in (
        ["status"], ["issues"], ["cases"], ["customers"], ["signals"], ["surprises"], ["trust"], ["experience"], ["services"], ["verdicts"],
        ["topics"], ["refused"], ["keys", "list"], ["audit", "verify"], ["playbook", "list"], ["destinations", "list"], ["doctor"],
        ["users", "list"], ["moves"], ["merges"],
    ):  # fmt: skip
        code, out, err = allears(*words, "--space", str(space))
        assert code == 0, (words, err)
        code, out, err = allears(*words, "--json", "--space", str(space))
        assert code == 0, (words, err)
        as_json(out)


def test_the_doctor_of_a_folder_that_is_not_there_says_so(allears: Run, tmp_path: Path) -> None:
    code, out, err = allears("doctor", "--space", str(tmp_path / "missing"))
    assert (code, err) == (0, "") and "no such folder" in out


def test_too_little_is_said_as_not_ready(allears: Run, space: Path) -> None:
    for words in (["forecast"], ["backtest"], ["learn", "sentiment"]):
        code, _, err = allears(*words, "--space", str(space))
        assert code == 1, words
        assert err.strip(), words


def test_sql_reads_and_cannot_write(allears: Run, space: Path) -> None:
    code, out, _ = allears("sql", "select count(*) as n from signals", "--json", "--space", str(space))
    assert (code, as_json(out)) == (0, [{"n": 0}])
    assert allears("sql", "drop table signals", "--space", str(space))[0] == 1


def test_a_person_is_found_shown_and_erased(allears: Run, space: Path, tmp_path: Path) -> None:
    file = tmp_path / "mail.ndjson"
    file.write_text(
        '{"id": "1", "email": "ada@example.com", "text": "please call me back about my broken kettle", "created_at": "2026-06-01T10:00:00Z"}\n'
    )
    allears("listen", str(file), "--source", "mail", "--yes", "--space", str(space))
    code, out, _ = allears("customer", "ada@example.com", "--json", "--space", str(space))
    assert code == 0
    assert len(as_json(out)["timeline"]) == 1
    code, out, _ = allears("erase", "ada@example.com", "--json", "--space", str(space))
    assert code == 0
    assert as_json(out)["signature"]
    assert allears("customer", "ada@example.com", "--space", str(space))[0] == 1
    assert as_json(allears("audit", "verify", "--json", "--space", str(space))[1])["ok"] is True


def test_many_are_erased_from_a_file_and_a_part_of_one(allears: Run, space: Path, tmp_path: Path) -> None:
    told = "".join(
        f'{{"id": "{n}", "email": "p{n % 4}@example.com", "channel": "{"chat" if n < 4 else "email"}", "text": "word{n} of mine", "created_at": "2026-06-0{1 + n // 4}T10:00:00Z"}}\n'
        for n in range(8)
    )
    (tmp_path / "mail.ndjson").write_text(told)
    where = ("--space", str(space))
    allears("listen", str(tmp_path / "mail.ndjson"), "--source", "mail", "--yes", *where)
    part = ("--channel", "chat", "--until", "2026-06-02", "--receipt", str(tmp_path / "part.json"), "--json")
    code, out, _ = allears("erase", "p0@example.com", *part, *where)
    assert (
        code == 0 and as_json(out)["removed"]["signals"] == 1 and as_json(out)["scope"]["channel"] == "chat"
    )
    assert (tmp_path / "part.json").read_text() == out
    assert allears("receipt", "verify", str(tmp_path / "part.json"))[0] == 0
    people = tmp_path / "people.txt"
    people.write_text("p1@example.com\n\np2@example.com\np1@example.com\nnobody@example.com\n")
    many = ("erase", "--file", str(people), "--json", *where)
    code, out, _ = allears(*many, "--receipt", str(tmp_path / "receipts"))
    assert code == 0 and (as_json(out)["erased"], as_json(out)["unknown"]) == (2, 1)
    written = sorted((tmp_path / "receipts").iterdir())
    assert len(written) == 2 and all(allears("receipt", "verify", str(one))[0] == 0 for one in written)
    assert as_json(allears(*many)[1])["erased"] == 0
    assert len(as_json(allears("receipt", "list", "--json", *where)[1])) == 3
    for wrong in (
        ("erase", *where),
        ("erase", "p3@example.com", "--file", str(people), *where),
        ("erase", "--file", str(tmp_path / "none.txt"), *where),
        ("erase", "p3@example.com", "--since", "2026-06-02", "--until", "2026-06-01", *where),
        ("erase", "p3@example.com", "--yes", "--receipt", str(people), *where),
    ):
        assert allears(*wrong)[0] == 2, wrong
    assert allears("customer", "p3@example.com", *where)[0] == 0


def test_playbooks_are_explained_rehearsed_and_switched(allears: Run, space: Path) -> None:
    listed = as_json(allears("playbook", "list", "--json", "--space", str(space))[1])
    assert not any(p["on"] for p in listed)
    name = listed[0]["name"]
    assert len(allears("playbook", "explain", name, "--space", str(space))[1]) > 60
    assert allears("playbook", "on", name, "--space", str(space))[0] == 0
    assert next(
        p
        for p in as_json(allears("playbook", "list", "--json", "--space", str(space))[1])
        if p["name"] == name
    )["on"]
    assert allears("playbook", "off", name, "--space", str(space))[0] == 0
    assert allears("playbook", "explain", "../../etc/passwd", "--space", str(space))[0] == 1


def test_whatever_an_operator_adds_can_be_taken_away(
    allears: Run, space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ("--json", "--space", str(space))
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    assert allears("users", "add", "ana", "--role", "analyst", "--from-stdin", *here)[0] == 0
    assert [u["name"] for u in as_json(allears("users", "list", *here)[1])] == ["ana"]
    begun = as_json(allears("users", "factor", "ana", *here)[1])
    step = int(time.time()) // 30
    code = code_at(base64.b32decode(begun["secret"]), step)
    assert allears("users", "factor", "ana", "--code", "nothing", *here)[0] == 1
    assert len(as_json(allears("users", "factor", "ana", "--code", code, *here)[1])["recovery_codes"]) == 10
    assert as_json(allears("users", "list", *here)[1])[0]["factor_since"]
    assert as_json(allears("users", "factor", "ana", "--off", *here)[1])["factor"] == "off"
    assert allears("users", "disable", "ana", *here)[0] == 0
    assert as_json(allears("users", "list", *here)[1])[0]["disabled_at"]
    assert allears("users", "remove", "ana", *here)[0] == 0
    assert as_json(allears("users", "list", *here)[1]) == []
    assert allears("users", "remove", "ana", *here)[0] == 1
    assert as_json(allears("users", "sessions", *here)[1]) == []
    assert as_json(allears("users", "end", "ana", *here)[1])["ended"] == 0
    assert allears("users", "end", "ana", "--session", "none", *here)[0] == 1
    made = as_json(
        allears(
            "keys",
            "new",
            "--role",
            "cio",
            "--scope",
            "read",
            "--scope",
            "act",
            "--days",
            "7",
            "--per-minute",
            "60",
            *here,
        )[1]
    )
    assert made["scopes"] == ["act", "read"]
    listed = next(k for k in as_json(allears("keys", "list", *here)[1]) if k["id"] == made["id"])
    assert (listed["per_minute"], listed["used_at"]) == (60, None) and listed["expires_at"]
    for wrong in (("--days", "0"), ("--days", "nan"), ("--per-minute", "0")):
        assert allears("keys", "new", "--role", "cio", *wrong, *here)[0] == 2

    assert allears("destinations", "add", "ops", "https://example.com/hook", *here)[0] == 0
    assert allears("destinations", "pause", "ops", *here)[0] == 0
    assert as_json(allears("destinations", "list", *here)[1])[0]["state"] == "off"
    assert allears("destinations", "resume", "ops", *here)[0] == 0
    assert allears("destinations", "remove", "ops", *here)[0] == 0
    assert as_json(allears("destinations", "list", *here)[1]) == []
    assert allears("destinations", "remove", "ops", *here)[0] == 1

    key = as_json(allears("keys", "new", "--role", "engineer", *here)[1])
    listed = as_json(allears("keys", "list", *here)[1])
    assert key["id"] == listed[-1]["id"] and key["key"] not in str(listed)
    assert allears("keys", "revoke", key["id"], *here)[0] == 0
    assert as_json(allears("keys", "list", *here)[1])[-1]["revoked_at"]


def test_customers_are_joined_and_parted_by_hand(allears: Run, space: Path, tmp_path: Path) -> None:
    here = ("--json", "--space", str(space))
    file = tmp_path / "mail.csv"
    file.write_text(
        "id,created_at,email,phone,text\n1,2026-06-01T10:00:00Z,ada@example.com,,Where is it?\n"
        "2,2026-06-01T11:00:00Z,,+442079460001,It never came\n"
    )
    allears("listen", str(file), "--source", "mail", "--yes", "--space", str(space))
    code, out, _ = allears("merge", "ada@example.com", "+442079460001", "--why", "same address", *here)
    assert code == 0
    done = as_json(out)
    assert len(as_json(allears("customer", done["customer"], *here)[1])["timeline"]) == 2
    assert allears("unmerge", done["act"], *here)[0] == 0
    assert as_json(allears("merges", *here)[1])[0]["undone_at"]
    assert allears("merge", "ada@example.com", "nobody@example.com", "--why", "a reason", *here)[0] == 1
    assert allears("merge", "ada@example.com", *here)[0] == 2
    assert allears("merge", "ada@example.com", "+442079460001", "--why", "", *here)[0] == 2


def test_an_export_is_redacted_and_never_overwrites(allears: Run, space: Path, tmp_path: Path) -> None:
    file = tmp_path / "mail.ndjson"
    file.write_text(
        '{"id": "1", "email": "ada@example.com", "text": "=cmd() write to ada@example.com", "created_at": "2026-06-01T10:00:00Z"}\n'
    )
    allears("listen", str(file), "--source", "mail", "--yes", "--space", str(space))
    for form in ("csv", "json", "parquet"):
        out = tmp_path / f"out.{form}"
        assert (
            allears("export", "signals", "--out", str(out), "--format", form, "--space", str(space))[0] == 0
        )
        assert b"ada@example.com" not in out.read_bytes()
        assert (
            allears("export", "signals", "--out", str(out), "--format", form, "--space", str(space))[0] == 2
        )
    assert "'=cmd()" in (tmp_path / "out.csv").read_text("utf-8")


@pytest.mark.parametrize("start", ["=", "\n=", " =", "\u00a0+", "\u200b@", "\uff1d", "\r", "\t"])
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    assert re.match(FORMULA, f"{start}cmd()")
    assert not re.match(FORMULA, "a = b - c")


def test_a_second_process_is_told_that_the_space_is_being_digested(
    space: Path, tmp_path: Path, allears: Run
) -> None:
    from allears.space import Space

    with Space.open(space, create=False) as first:
        assert first.may_digest()
        file = tmp_path / "a.csv"
        file.write_text(CSV, "utf-8")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "allears",
                "listen",
                str(file),
                "--source",
                "a",
                "--yes",
                "--space",
                str(space),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0
        assert "another process digests" in done.stdout
        assert first.digest(look=False)["stored"] >= 2


def test_ctrl_c_half_way_keeps_what_was_accepted(space: Path, tmp_path: Path, allears: Run) -> None:
    file = tmp_path / "big.ndjson"
    with file.open("w", encoding="utf-8") as out:
        for i in range(100_000):
            out.write(
                f'{{"id": {i}, "text": "the parcel number {i} is late again", "created_at": "2026-06-01T10:00:00Z", "user_id": "u{i}"}}\n'
            )
    process = subprocess.Popen(
        [sys.executable, "-m", "allears", "listen", str(file), "--source", "big", "--json", "--no-digest", "--space", str(space)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    inbox = space / "inbox"
    end = time.monotonic() + 60
    while (
        not (inbox.is_dir() and any(p.stat().st_size > 1000 for p in inbox.glob("*.seg")))
        and time.monotonic() < end
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode in (0, 130), out
    kept = as_json(allears("status", "--json", "--space", str(space))[1])["pending"]
    assert kept > 0
    receipt = as_json(
        allears("listen", str(file), "--source", "big", "--json", "--no-digest", "--space", str(space))[1]
    )
    assert receipt["accepted"] + kept == 100_000
    assert receipt["duplicates"] == kept


def test_json_errors_have_one_shape(allears: Run, tmp_path: Path) -> None:
    code, out, _ = allears("status", "--json", "--space", str(tmp_path / "nowhere"))
    assert code == 1
    assert set(as_json(out)["error"]) == {"code", "message", "place"}


def test_an_entry_of_the_audit_is_proven_without_the_space(allears: Run, space: Path, tmp_path: Path) -> None:
    where = ("--space", str(space))
    assert allears("audit", "head", *where)[0] == 1
    for name in ("one", "two", "three"):
        allears("keys", "new", "--role", "analyst", "--name", name, *where)
    told = allears("audit", "head", *where)[1]
    (tmp_path / "head.json").write_text(told)
    allears("keys", "new", "--role", "analyst", "--name", "four", *where)
    for words in (("3",), ("--since", str(tmp_path / "head.json"))):
        proof = allears("audit", "prove", *words, *where)[1]
        (tmp_path / "proof.json").write_text(proof)
        check = ("audit", "check", str(tmp_path / "proof.json"), "--key", as_json(told)["key"])
        assert allears(*check)[0] == 0
        assert allears(*check[:-1], "00" * 32)[0] == 1
    assert allears("audit", "prove", *where)[0] == 2
    assert allears("audit", "verify", "--heads", str(tmp_path / "proof.json"), *where)[0] == 1


def test_a_question_that_nobody_answers_is_said_and_nothing_is_taken_in(
    allears: Run, space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more.csv").write_text("text\nThe lid broke\n", "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, told = allears(
        "listen", str(tmp_path / "more.csv"), "--source", "unasked", "--space", str(space)
    )
    assert code == 2 and "nobody answered" in told and "--yes" in told
    assert "unasked" not in allears("status", "--json", "--space", str(space))[1]


@pytest.mark.parametrize(
    "words",
    [["brief", "--out", "{folder}"], ["brief", "--out", "{folder}/none/brief.html"], ["export", "signals", "--out", "/proc/x.csv"]],
)  # fmt: skip
def test_what_cannot_be_written_is_told_in_a_line(
    allears: Run, space: Path, tmp_path: Path, words: list[str]
) -> None:
    code, _, said = allears(
        *(word.replace("{folder}", str(tmp_path)) for word in words), "--space", str(space)
    )
    assert code == 1 and "directory" in said and "Traceback" not in said


def test_a_space_is_not_made_where_a_file_is(allears: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    code, _, said = allears("new", str(tmp_path / "file"))
    assert code == 1 and "File exists" in said and (tmp_path / "file").read_text() == "mine"


PRINTS = "import sys; from allears.cli.app import main; main(sys.argv[1:])"


def test_an_answer_for_which_there_is_no_room_is_said_in_a_line(space: Path) -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-c", PRINTS, "status", "--json", "--space", str(space)]
        made = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert made.returncode == 1 and "No space left" in made.stderr and "Traceback" not in made.stderr
