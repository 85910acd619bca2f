from __future__ import annotations

import mailbox
from dataclasses import replace
from pathlib import Path

import pytest

from allears.listen import Context, plan_file, plan_paths, read_file
from allears.listen.maildir import Letters
from allears.listen.plans import Limits


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "mail").mkdir()
    made = mailbox.Maildir(tmp_path / "mail" / "support", create=True)
    for number in range(3):
        letter = mailbox.MaildirMessage(
            f"From: a{number}@example.com\nMessage-ID: <m{number}@x>\n\nnumber {number}\n"
        )
        if number == 1:
            letter.set_subdir("cur")
            letter.set_flags("RS")
        made.add(letter)
    return tmp_path / "mail" / "support"


def texts(path: Path, context: Context) -> list[str]:
    return sorted(
        t for reading in read_file(plan_file(path), context) for t in reading.arrivals["text"].to_pylist()
    )


def test_every_message_is_read_and_none_is_changed(box: Path, context: Context) -> None:
    before = sorted(p.relative_to(box) for p in box.rglob("*"))
    assert texts(box, context) == ["number 0", "number 1", "number 2"]
    assert sorted(p.relative_to(box) for p in box.rglob("*")) == before


def test_a_folder_of_maildirs_lists_each_as_one(box: Path) -> None:
    assert plan_paths(box) == [box] and plan_paths(box.parent) == [box]
    assert len(plan_file(box).preview) == 3


def test_a_message_that_is_read_meanwhile_is_found_where_it_went(box: Path) -> None:
    letters = Letters(box).messages(1 << 20)
    found = [next(letters)]
    for file in list((box / "new").iterdir()):
        file.rename(box / "cur" / f"{file.name}:2,S")
    assert len([*found, *letters]) == 3


def test_a_message_too_long_is_refused_and_the_others_are_read(box: Path, context: Context) -> None:
    (box / "new" / "9999999999.big").write_bytes(b"From: a@example.com\n\n" + b"x" * 5000)
    plan = replace(plan_file(box), limits=Limits(max_line=1000))
    [reading] = read_file(plan, context)
    assert reading.arrivals.num_rows == 3 and "longer than" in reading.refused[0].reason


def test_a_message_whose_flags_change_again_and_again_is_followed(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, flags = Path.read_bytes, iter(("S", "RS", "FRS"))

    def changing(file: Path) -> bytes:
        if flag := next(flags, None):
            file.rename(box / "cur" / f"{file.name.partition(':')[0]}:2,{flag}")
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", changing)
    assert len(list(Letters(box).messages(1 << 20))) == 3
