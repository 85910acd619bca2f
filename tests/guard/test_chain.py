"""A chained list of acts: whatever is taken out, changed, doubled or swapped in it is refused, with its place."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allears.errors import Refused, WorldFailed
from allears.guard.chain import demand_whole, note_acts, reaches
from allears.guard.erasures import Act, Erasure, Noted, read_acts

KEY, OTHER = b"k" * 32, b"o" * 32
AT = datetime(2026, 7, 1, tzinfo=UTC)


def act(n: int) -> Act:
    at = AT + timedelta(minutes=n)
    return (
        Noted(at, f"d{n}", "pia", b"sealed") if n % 2 else Erasure(at, f"c_{n}", [f"c_{n}"], "asked", f"e{n}")
    )


def written(path: Path, size: int, unchained: int = 0) -> list[bytes]:
    path.write_bytes(b"".join(msgspec.json.encode(act(n)) + b"\n" for n in range(unchained)))
    for n in range(unchained, size):
        note_acts(path, [act(n)], KEY)
    return path.read_bytes().splitlines(keepends=True)


def whole(path: Path) -> object:
    return demand_whole(read_acts(path).acts, KEY)


@pytest.mark.parametrize("unchained", [0, 3])
def test_every_line_follows_the_one_before(tmp_path: Path, unchained: int) -> None:
    written(tmp_path / "list", 7, unchained)
    end = note_acts(tmp_path / "list", [act(7), act(8)], KEY)
    acts = read_acts(tmp_path / "list").acts
    assert end.number == len(acts) == 9 and whole(tmp_path / "list") == end and reaches(acts, end)
    assert [a.link is None for a in acts] == [n < unchained for n in range(9)]
    # Read on from the middle, as whoever read the first part before does.
    assert demand_whole(acts[5:], KEY, acts[4].link) == end


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_done_to_a_list_other_than_cutting_its_end_is_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    path, unchained = tmp_path / "list", data.draw(st.sampled_from([0, 2]))
    lines = written(path, 7, unchained)
    how = data.draw(st.sampled_from(["out", "swapped", "doubled", "changed", "bare", "another's"]))
    n = data.draw(st.integers(0, 5))
    if how == "out":
        del lines[n]
    elif how == "swapped":
        lines[n], lines[n + 1] = lines[n + 1], lines[n]
    elif how == "doubled":
        lines.insert(n, lines[n])
    elif how == "changed":
        line = msgspec.json.decode(lines[n], type=Noted if b'"sealed":' in lines[n] else Erasure)
        lines[n] = msgspec.json.encode(msgspec.structs.replace(line, at=line.at + timedelta(days=1))) + b"\n"
    elif how == "bare":
        n = max(n, unchained)
        line = msgspec.json.decode(lines[n], type=Noted if b'"sealed":' in lines[n] else Erasure)
        lines[n] = msgspec.json.encode(msgspec.structs.replace(line, link=None)) + b"\n"
    else:
        note_acts(tmp_path / "other", [act(n)], OTHER)
        lines[n] = (tmp_path / "other").read_bytes()
        (tmp_path / "other").unlink()
    path.write_bytes(b"".join(lines))
    with pytest.raises(Refused, match="line"):
        whole(path)
    path.unlink()


def test_a_line_that_is_missing_is_told_with_its_place(tmp_path: Path) -> None:
    lines = written(tmp_path / "list", 5)
    (tmp_path / "list").write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(Refused, match="1 line is missing") as told:
        whole(tmp_path / "list")
    assert told.value.place == "list of acts by right: line 3"


def test_an_end_that_was_cut_off_is_noticed_by_whoever_knows_of_it(tmp_path: Path) -> None:
    lines = written(tmp_path / "list", 5)
    end = note_acts(tmp_path / "list", [act(5)], KEY)
    (tmp_path / "list").write_bytes(b"".join(lines))
    assert whole(tmp_path / "list") is not None and not reaches(read_acts(tmp_path / "list").acts, end)
    # Going on from there does not hide it: the next line is another one.
    note_acts(tmp_path / "list", [act(6)], KEY)
    assert whole(tmp_path / "list") is not None and not reaches(read_acts(tmp_path / "list").acts, end)


def test_a_list_of_another_space_is_neither_read_nor_written(tmp_path: Path) -> None:
    lines = written(tmp_path / "list", 2)
    with pytest.raises(Refused, match=r"another space's.*erasures_file") as told:
        note_acts(tmp_path / "list", [act(2)], OTHER)
    assert told.value.place == "[guard] erasures_file"
    with pytest.raises(Refused, match=r"another space's.*erasures_file"):
        demand_whole(read_acts(tmp_path / "list").acts, OTHER)
    assert (tmp_path / "list").read_bytes() == b"".join(lines)


def test_lines_longer_than_what_is_read_of_the_end_are_followed(tmp_path: Path) -> None:
    long = Erasure(AT, "c_1", ["c_1"], "asked", "e1", "pia", [f"{n:064x}" for n in range(2_000)])
    for one in (act(0), long, act(2), long, long):
        note_acts(tmp_path / "list", [one], KEY)
    assert whole(tmp_path / "list") is not None and len(read_acts(tmp_path / "list").acts) == 5


def test_half_a_line_that_a_crash_left_does_not_break_the_chain(tmp_path: Path) -> None:
    lines = written(tmp_path / "list", 4)
    (tmp_path / "list").write_bytes(b"".join(lines[:3]) + lines[3][:40])
    end = note_acts(tmp_path / "list", [act(4)], KEY)
    assert end.number == 4 and whole(tmp_path / "list") == end


def _append(path: Path, first: int) -> None:
    for n in range(first, first + 40):
        note_acts(path, [act(n), act(n + 1_000)], KEY)


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append, args=(tmp_path / "list", n * 40)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    assert whole(tmp_path / "list") is not None
    assert len({a.id for a in read_acts(tmp_path / "list").acts}) == 240


def _fill(path: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
    try:
        note_acts(path, [act(n) for n in range(10, 20)], KEY)
    except WorldFailed:
        os._exit(7)
    os._exit(0)


def test_on_a_full_disk_nothing_is_on_the_list(tmp_path: Path) -> None:
    lines = written(tmp_path / "list", 3)
    process = multiprocessing.get_context("spawn").Process(target=_fill, args=(tmp_path / "list",))
    process.start()
    process.join(60)
    assert process.exitcode == 7
    assert (tmp_path / "list").read_bytes() == b"".join(lines)


@pytest.mark.parametrize("size", [3, 900])
def test_nothing_is_written_behind_a_line_that_was_slipped_in(tmp_path: Path, size: int) -> None:
    path = tmp_path / "list"
    note_acts(path, [act(n) for n in range(size)], KEY)
    before = path.read_bytes()
    path.write_bytes(before + msgspec.json.encode(act(size)) + b"\n")
    with pytest.raises(Refused, match="slipped in"):
        note_acts(path, [act(size + 1)], KEY)
    # Once it is taken out the list is whole and goes on.
    path.write_bytes(before)
    end = note_acts(path, [act(size + 1)], KEY)
    assert whole(path) == end and end.number == size + 1
