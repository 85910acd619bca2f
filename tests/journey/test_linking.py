"""Files of simulated people, read and held against labels; what is wrong is said without anybody's values."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from allears.cli.app import run
from allears.errors import Refused
from allears.journey.linking import read_table

NAMES = [
    "anna",
    "bruno",
    "carla",
    "dario",
    "elena",
    "fabio",
    "greta",
    "hugo",
    "irene",
    "jakob",
    "klara",
    "luca",
]
FAMILIES = ["rossi", "weber", "moreau", "garcia", "silva", "keller", "conti", "lang", "petit", "romero"]


def people(folder: Path) -> tuple[Path, Path]:
    dice = random.Random(1)
    lines, labels = ["Record ID,Vorname,Last Name,DOB,E-mail"], ["record,person"]
    for number in range(60):
        born = f"{dice.randrange(1940, 2006)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
        given, family = dice.choice(NAMES), dice.choice(FAMILIES)
        mail = f"{given}{number}@example.org"
        lines.append(f"a{number},{given},{family},{born},{mail}")
        labels.append(f"a{number},{number}")
        if number % 2:
            lines.append(f"b{number},{given},{family}x,{born},{mail if number % 3 else ''}")
            labels.append(f"b{number},{number}")
    file, truth = folder / "people.csv", folder / "labels.csv"
    file.write_text("\n".join(lines), "utf-8")
    truth.write_text("\n".join(labels), "utf-8")
    return file, truth


def test_a_file_is_linked_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, labels = people(tmp_path)
    out = tmp_path / "out.csv"
    words = [
        "link",
        str(file),
        "--column",
        "given=Vorname",
        "--evaluate",
        str(labels),
        "--to",
        str(out),
        "--json",
    ]
    assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["records"] == 90
    assert found["columns"] == {
        "record": "Record ID",
        "given": "Vorname",
        "surname": "Last Name",
        "birth": "DOB",
        "email": "E-mail",
    }
    assert found["evaluation"]["pairs"]["precision"] == 1.0
    assert found["evaluation"]["pairs"]["recall"] > 0.5
    assert found["evaluation"]["pairs"]["n"] == 30
    assert {"left", "right", "decision", "probability", "bits", "why"} <= set(found["pairs"][0])
    assert len(out.read_text().splitlines()) == 91


def test_what_is_wrong_is_said_by_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["link", str(tmp_path / "nothing.csv")]) == 1
    broken = tmp_path / "broken.csv"
    broken.write_text("first_name,last_name\nAda,Lovelace\nGrace,Hopper,extra\n")
    assert run(["link", str(broken)]) == 1
    said = capsys.readouterr().err
    assert "Hopper" not in said and "Lovelace" not in said
    assert run(["link", str(broken), "--column", "given"]) in (1, 2)
    assert run(["link", str(broken), "--automatic", "1.5"]) == 2


def test_what_is_read_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, labels = people(tmp_path)
    (tmp_path / "same.csv").symlink_to(file)
    before = file.read_bytes(), labels.read_bytes()
    for to in (file, labels, tmp_path / "same.csv"):
        words = ["link", str(file), "--column", "given=Vorname", "--evaluate", str(labels), "--to", str(to)]
        assert run(words) == 2
        assert "--to" in capsys.readouterr().err
    assert (file.read_bytes(), labels.read_bytes()) == before


def test_no_pair_printed_is_not_no_pair_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _ = people(tmp_path)
    assert run(["link", str(file), "--column", "given=Vorname", "--limit", "0"]) == 0
    said = capsys.readouterr().out
    assert "pairs joined" in said
    assert "no two records" not in said


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"first_name,last_name\nJos\xe9,P\xe9rez\n")
    with pytest.raises(Refused, match="UTF-8"):
        read_table(tmp_path / "latin.csv")
    (tmp_path / "twice.csv").write_text("name,name\na,b\n")
    with pytest.raises(Refused, match="different column names"):
        read_table(tmp_path / "twice.csv")
