"""Files of simulated people, read and held against labels; what is wrong is said without anybody's values."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allears.cli.app import run
from allears.errors import Refused
from allears.journey.people_file import read_table

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


def test_no_file_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, labels = people(tmp_path)
    (tmp_path / "same.csv").symlink_to(file)
    before = file.read_bytes(), labels.read_bytes()
    for to in (file, labels, tmp_path / "same.csv", tmp_path / "no folder" / "out.csv"):
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


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = pa.table({"first_name": ["Jos\u00e9", "Zo\u00eb", None], "born": ["2001-02-03", None, "a, b; c"]})
    text = 'first_name;born\nJos\u00e9;2001-02-03\nZo\u00eb;\n;"a, b; c"\n'
    written = {
        "semicolons.csv": text.encode(),
        "mark.csv": b"\xef\xbb\xbf" + text.encode(),
        "windows.csv": text.encode("cp1252"),
        "wide.csv": text.encode("utf-16"),
        "tabs.tsv": text.replace("a, b; c", "a, b# c").replace(";", "\t").replace("#", ";").encode(),
        "packed.csv.gz": gzip.compress(text.encode()),
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
        assert read_table(tmp_path / name).equals(table), name
    pq.write_table(
        table.append_column("when", pa.array([date(2001, 2, 3)] * 3)).append_column(
            "tags", pa.array([["a"]] * 3)
        ),
        tmp_path / "people.parquet",
    )
    found = read_table(tmp_path / "people.parquet")
    assert found.drop_columns(["when"]).equals(table) and found["when"].to_pylist() == ["2001-02-03"] * 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"name,name\na,b\n", "different column names"),
        (b"Ada,ada@example.org\nBob,bob@example.org\n", "found values"),
        (b"a,b\nx,y\nx,y\nAda,Ada,Ada\n", "expected 2 values as in the first line, found 3"),
        (b"a,b\nJos\xc3\xa9,Zo\xc3\xab\n" * 9 + b"Z\xc3\xb6\xe9,x\n", "UTF-8"),
        (b"PAR1 and no more", "Parquet"),
    ],
)
def test_what_is_no_table_is_refused_by_place(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    with pytest.raises(Refused, match=said) as refused:
        read_table(tmp_path / "people.csv")
    assert str(tmp_path / "people.csv") in refused.value.place
    assert "Ada" not in refused.value.message and "ada@" not in refused.value.message


def test_a_wrong_column_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _ = people(tmp_path)
    for word, said in (
        ("given=nix", "Vorname, Last Name"),
        ("nix=Vorname", "fields are record, given"),
        ("Vorname=given", "the field first"),
    ):
        assert run(["link", str(file), "--column", word]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert run(["link", str(file), "--column", "given=Vorname", "--hold-out", "name"]) == 2
    assert "expected one of email" in capsys.readouterr().err


def test_ids_that_do_not_tell_records_apart_are_said_and_not_judged_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, labels = people(tmp_path)
    file.write_text(file.read_text().replace("a7,", "a3,"))
    words = ["link", str(file), "--column", "given=Vorname"]
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["not_an_id"] == 11
    assert [row["record"] for row in found["clusters"]] == [str(n) for n in range(1, 91)]
    assert run([*words, "--evaluate", str(labels)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "record 11" in said and "tell records apart" in said


def test_a_record_labelled_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, labels = people(tmp_path)
    labels.write_text(labels.read_text() + "\na3,77\n")
    assert run(["link", str(file), "--column", "given=Vorname", "--evaluate", str(labels)]) == 1
    assert "labelled above already" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("left,right,match\na1,a2,nan\n", "from 0 to 1"),
        ("left,right,match\na1,a2,7\n", "from 0 to 1"),
        ("left,right\na1,a1\n", "of two records"),
        ("left,right,match\na1,a2,1\na2,a1,0\n", "labelled above already"),
        ("left,right\n", "no label"),
        ("record,person\na1,7\na2,\n", "names no person"),
    ],
)
def test_labels_that_say_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: str, said: str
) -> None:
    file, _ = people(tmp_path)
    (tmp_path / "empty.csv").write_text(labels)
    assert (
        run(["link", str(file), "--column", "given=Vorname", "--evaluate", str(tmp_path / "empty.csv")]) == 1
    )
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_file_of_which_nothing_can_be_told_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def linked(row: Callable[[int], str], *words: str) -> tuple[int, str, str]:
        file = tmp_path / "people.csv"
        file.write_text("id,first_name,email\n" + "".join(f"{n},{row(n)}\n" for n in range(30)))
        return run(["link", str(file), *words]), *(" ".join(text.split()) for text in capsys.readouterr())

    code, _, said = linked(lambda n: ",")
    assert code == 1 and "every field is blank" in said
    code, printed, _ = linked(lambda n: "Ada,ada@example.com")
    assert code == 0 and "all records say the very same" in printed
    labels = tmp_path / "labels.csv"
    labels.write_text("left,right,match\n1,2,0\n3,4,0\n")
    code, printed, _ = linked(lambda n: f"Ada{n},p{n}@example.com", "--evaluate", str(labels))
    assert code == 0 and "no true pair" in printed and "nothing to tell" in printed
    assert "1.000" not in printed and "very same" not in printed


def test_equal_records_are_printed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _ = people(tmp_path)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, *(f"z{n}{lines[1][2:]}" for n in range(700))]))
    words = ["link", str(file), "--column", "given=Vorname"]
    assert run([*words, "--limit", "200"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("and 699 equal to both") == 1
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    of_them = [pair for pair in found["pairs"] if pair["left"] == "a0"]
    assert {f"z{n}" for n in range(700)} <= {pair["right"] for pair in of_them}


def test_stopping_half_way_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = people(tmp_path)

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("allears.journey.linking.link", stopped)
    assert run(["link", str(file), "--column", "given=Vorname", "--to", str(tmp_path / "out.csv")]) == 130
    assert "stopped" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
