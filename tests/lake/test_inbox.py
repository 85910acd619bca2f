from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.errors import WorldFailed
from allears.lake import Damage, Frame, Inbox, InboxFull, SegmentFiles
from allears.lake.frames import MAGIC


def plain(data: bytes) -> bytes:
    return data


def inbox(folder: Path, **options: int) -> Inbox:
    files = SegmentFiles(
        folder / "inbox",
        segment_bytes=options.pop("segment_bytes", 64 << 20),
        min_free_bytes=options.pop("min_free_bytes", 0),
    )
    return Inbox(files, seal=plain, unseal=plain, **options)


def frame(number: int, size: int = 10) -> Frame:
    # Nothing that LZ4 could make smaller: these tests count bytes on the disk.
    return Frame("signals", "test", None, number, random.Random(number).randbytes(size))


def numbers(box: Inbox) -> list[int]:
    return [f.received_us for s in box.segments() for f, _ in box.read(s)]


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    for done in [box.append(frame(i)) for i in range(500)]:
        done.result(60)
    assert numbers(box) == list(range(500))
    box.close()


def test_reading_goes_on_from_a_position(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    for done in [box.append(frame(i), rows=3) for i in range(10)]:
        done.result(60)
    segment = box.segments()[0]
    positions = [p for _, p in box.read(segment)]
    assert [f.received_us for f, _ in box.read(segment, positions[3].offset)] == [4, 5, 6, 7, 8, 9]
    assert box.rows(segment, positions[3].offset) == 18
    box.close()


def test_a_segment_ends_at_its_size_and_the_next_begins(tmp_path: Path) -> None:
    box = inbox(tmp_path, segment_bytes=2000)
    for i in range(20):
        box.append(frame(i, 300)).result(60)
    assert len(box.segments()) > 2
    assert numbers(box) == list(range(20))
    box.close()


def written(folder: Path, count: int, size: int = 100) -> tuple[Path, list[int]]:
    """Write a segment and let go of it; gives its file and where each frame ends."""
    box, ends = inbox(folder), []
    for i in range(count):
        box.append(frame(i, size)).result(60)
        ends.append(box.end(box.segments()[0])[0])
    box.close()
    return next((folder / "inbox").glob("*.seg")), ends


def reread(folder: Path) -> tuple[list[int], list[Damage]]:
    box, damages = inbox(folder), []
    read = [f.received_us for f, _ in box.read(box.segments()[0], damaged=damages.append)]
    return read, damages


def test_a_torn_tail_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    path, ends = written(tmp_path, 5)
    path.write_bytes(path.read_bytes()[:-7])
    read, damages = reread(tmp_path)
    assert read == [0, 1, 2, 3]
    assert [(d.start, d.end) for d in damages] == [(ends[3], ends[4] - 7)]
    assert "cut short" in damages[0].reason


def test_a_tail_that_is_still_being_written_is_no_damage(tmp_path: Path) -> None:
    path, _ = written(tmp_path, 5)
    data = path.read_bytes()[:-7]
    box, damages = inbox(tmp_path), []
    with open(path, "r+b") as file:
        file.truncate(len(data))
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [f.received_us for f, _ in box.read(path.stem, damaged=damages.append)] == [0, 1, 2, 3]
    assert damages == [] and box.set_aside() == []


@pytest.mark.parametrize("at", [1, 5, 9, 13, 40], ids=["mark", "length", "checksum", "rows", "bytes"])
def test_a_damaged_frame_costs_only_itself_and_is_kept_aside(tmp_path: Path, at: int) -> None:
    path, ends = written(tmp_path, 4)
    data = bytearray(path.read_bytes())
    data[ends[0] + at] ^= 0xFF
    path.write_bytes(data)
    read, damages = reread(tmp_path)
    assert read == [0, 2, 3]
    assert [(d.start, d.end) for d in damages] == [(ends[0], ends[1])]
    box = inbox(tmp_path)
    box.remove(path.stem)
    assert (box.segments(), box.set_aside()) == ([], [path.stem])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_happens_to_a_segment_untouched_frames_are_read(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        path, ends = written(Path(name), 6, size=60)
        raw = bytearray(path.read_bytes())
        start = data.draw(st.integers(len(MAGIC), len(raw) - 1))
        length = data.draw(st.integers(1, len(raw) - start))
        raw[start : start + length] = data.draw(st.binary(min_size=length, max_size=length))
        path.write_bytes(raw)
        read, damages = reread(Path(name))
        whole = [
            i for i, end in enumerate(ends) if end <= start or ([len(MAGIC), *ends][i] >= start + length)
        ]
        assert set(whole) <= set(read)
        assert set(range(6)) - set(read) == set() or damages


def test_an_inbox_that_nobody_digests_says_stop(tmp_path: Path) -> None:
    box = inbox(tmp_path, inbox_bytes=10_000)
    box.append(frame(1, 20_000)).result(60)
    box._measured = (-10.0, 0, False)
    with pytest.raises(InboxFull):
        box.append(frame(2))
    box.close()
    box.remove(box.segments()[0])
    box._measured = (-10.0, 0, False)
    box.append(frame(3)).result(60)
    box.close()


def test_a_reader_knows_whether_the_writer_lives(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    box.append(frame(1)).result(60)
    segment = box.segments()[0]
    assert inbox(tmp_path).end(segment)[1] is False
    box.close()
    assert inbox(tmp_path).end(segment)[1] is True


def test_many_threads_share_the_disk_and_nothing_is_lost(tmp_path: Path) -> None:
    box = inbox(tmp_path)

    def write(start: int) -> None:
        for i in range(start, start + 100):
            box.append(frame(i)).result(10)

    threads = [threading.Thread(target=write, args=(n * 100,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers(box)) == list(range(800))
    box.close()


def test_too_much_waiting_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    box = inbox(tmp_path, pending_bytes=1000)
    with pytest.raises(InboxFull):
        for i in range(100_000):
            box.append(frame(i, 400))
    box.close()


def test_below_the_reserve_nothing_is_accepted(tmp_path: Path) -> None:
    box = inbox(tmp_path, min_free_bytes=1 << 60)
    with pytest.raises(InboxFull):
        box.append(frame(1)).result(60)
    box.close()
    assert numbers(box) == []


def test_a_full_disk_refuses_and_recovers_without_a_restart(small_disk: Path) -> None:
    box = inbox(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(3_000_000))
    accepted = []
    with pytest.raises(InboxFull):
        for i in range(1000):
            box.append(frame(i, 100_000)).result(60)
            accepted.append(i)
    assert accepted, "some frames fit"
    assert numbers(box) == accepted
    filler.unlink()
    box.append(frame(5000)).result(60)
    assert sorted(numbers(box)) == [*accepted, 5000]
    box.close()


def test_what_cannot_be_sealed_is_told_and_the_next_is_written(tmp_path: Path) -> None:
    def seal(data: bytes) -> bytes:
        if b"bad" in data:
            raise ValueError("no cipher")
        return data

    box = Inbox(SegmentFiles(tmp_path / "inbox", min_free_bytes=0), seal=seal, unseal=plain)
    with pytest.raises(WorldFailed):
        box.append(Frame("signals", "bad", None, 1, b"")).result(60)
    box.append(frame(2)).result(60)
    assert numbers(box) == [2]
    box.close()


def test_a_full_inbox_whose_writer_holds_all_of_it_has_room_again_once_digested(tmp_path: Path) -> None:
    box = inbox(tmp_path, inbox_bytes=10_000)
    box.append(frame(1, 20_000)).result(60)
    segment = box.segments()[0]
    box._measured = (-10.0, 0, False)
    with pytest.raises(InboxFull):
        box.append(frame(2))
    reader, end = inbox(tmp_path), time.monotonic() + 60
    while not reader.end(segment)[1] and time.monotonic() < end:
        time.sleep(0.01)
    assert reader.end(segment)[1], "its writer never lets go of it: the digest cannot remove it"
    box.close()


def test_a_disk_that_takes_half_a_write_makes_nobody_believe_it_took_all(tmp_path: Path) -> None:
    # A file may not grow past a bound, as on a disk that fills between the look and the write: the write that crosses
    # it is cut short without an error.
    program = textwrap.dedent(
        """
        import os, resource, sys
        from pathlib import Path
        from allears.errors import AllearsError
        from allears.lake import Frame, Inbox, SegmentFiles
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        box = Inbox(SegmentFiles(Path(sys.argv[1]) / "inbox", min_free_bytes=0), seal=bytes, unseal=bytes)
        for i in range(60):
            try:
                box.append(Frame("signals", "test", None, i, os.urandom(7_000))).result(60)
                print(i)
            except AllearsError:
                print("no")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    said = done.stdout.split()
    damages: list[Damage] = []
    box = inbox(tmp_path)
    stored = [f.received_us for s in box.segments() for f, _ in box.read(s, damaged=damages.append)]
    assert "no" in said, "the bound was never reached"
    assert sorted(stored) == [int(i) for i in said if i != "no"]
    assert damages == []


def test_kill_minus_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from allears.lake import Frame, Inbox, SegmentFiles
        box = Inbox(SegmentFiles(Path(sys.argv[1]) / "inbox", min_free_bytes=0), seal=bytes, unseal=bytes)
        i = 0
        while True:
            box.append(Frame("signals", "test", None, i, os.urandom(500))).result()
            print(i, flush=True)
            i += 1
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    seen = [int(process.stdout.readline()) for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split("\n")
    seen += [int(line) for line in rest[:-1]]
    process.wait()
    process.stdout.close()
    stored = numbers(inbox(tmp_path))
    assert stored[: len(seen)] == seen
    assert len(stored) - len(seen) <= 1
