"""The inbox in a bucket, on a real S3 API (moto's server) on loopback: nothing lost, whoever writes, sleeps, dies or deletes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from tests.serving import moto

from allears.errors import NotFound, Refused, WorldFailed
from allears.journey.backup import backup
from allears.journey.restoring import restore
from allears.lake import Damage, Frame, Inbox, SegmentObjects, bucket_of
from allears.settings import DeskSettings, InboxSettings, LakeSettings, Settings, SpaceSettings
from allears.space import Space

GIVEN = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
Open = Callable[..., "tuple[Inbox, SegmentObjects]"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with moto() as where:
        yield where


@pytest.fixture(scope="module")
def files(address: str) -> Any:
    from pyarrow import fs

    return fs.S3FileSystem(
        access_key="k", secret_key="s", region="eu-west-1", endpoint_override=address, scheme="http",
        allow_bucket_creation=True, allow_bucket_deletion=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def endpoint(address: str, files: Any) -> str:
    files.create_dir("ears")
    return f"http://{address}"


@pytest.fixture
def opened(endpoint: str, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open inboxes in one prefix, a new one for each test."""
    url, boxes = f"s3://ears/{request.node.name}", []

    def make(owner: str = "shop", **options: Any) -> tuple[Inbox, SegmentObjects]:
        segments = SegmentObjects(bucket_of(url, "", endpoint, GIVEN), owner, **options)
        boxes.append(Inbox(segments, seal=bytes, unseal=bytes))
        return boxes[-1], segments

    yield make
    for box in boxes:
        box.close()


def frame(number: int, size: int = 50) -> Frame:
    return Frame("signals", "test", None, number, random.Random(number).randbytes(size))


def put(box: Inbox, *numbers: int, rows: int = 1) -> None:
    for number in numbers:
        box.append(frame(number), rows).result(30)


def numbers(box: Inbox, damaged: Callable[[Damage], None] | None = None) -> list[int]:
    return [f.received_us for s in box.segments() for f, _ in box.read(s, damaged=damaged)]


def test_what_was_appended_is_read_in_order_and_from_a_position(opened: Open) -> None:
    box, _ = opened()
    put(box, *range(10), rows=3)
    segment = box.segments()[0]
    positions = [p.offset for _, p in box.read(segment)]
    assert numbers(box) == list(range(10)) and positions[-1] == box.end(segment)[0]
    assert [f.received_us for f, _ in box.read(segment, positions[3])] == [4, 5, 6, 7, 8, 9]
    assert (box.rows(segment), box.rows(segment, positions[3])) == (30, 18)


def test_a_group_of_many_is_one_object_and_is_read_in_part(opened: Open) -> None:
    box, segments = opened()
    for done in [box.append(frame(i), 2) for i in range(300)]:
        done.result(30)
    segment = box.segments()[0]
    positions = [p.offset for _, p in box.read(segment)]
    assert len(segments._groups(segment)) < 300, "nothing shared a write: the test says nothing"
    for at in (0, 7, 150, 298):
        assert [f.received_us for f, _ in box.read(segment, positions[at])] == list(range(at + 1, 300))
        assert box.rows(segment, positions[at]) == 2 * (299 - at)


def test_a_segment_ends_at_its_size_and_is_removed_whole(opened: Open) -> None:
    box, segments = opened(segment_bytes=400)
    put(box, *range(12))
    names = box.segments()
    assert len(names) > 2 and all(box.end(name)[1] for name in names[:-1])
    assert numbers(box) == list(range(12))
    for name in names:
        box.remove(name)
    segments._look(now=True)
    assert box.segments() == []


def test_another_process_reads_what_one_wrote_and_two_write_beside_each_other(opened: Open) -> None:
    boxes = [opened()[0] for _ in range(3)]
    threads = [
        threading.Thread(target=put, args=(box, *range(at * 20, at * 20 + 20)))
        for at, box in enumerate(boxes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers(opened()[0])) == list(range(60))


def test_a_reader_ends_what_lies_still_and_its_writer_goes_on_elsewhere(opened: Open) -> None:
    writer, _ = opened()
    put(writer, 1, 2)
    reader, seen = opened(idle_seconds=-60)
    (segment,) = reader.segments()
    assert reader.end(segment)[1], "nobody ends what a writer that died left"
    put(writer, 3)
    seen._look(now=True)
    assert len(reader.segments()) == 2 and sorted(numbers(reader)) == [1, 2, 3]


def test_a_writer_that_slept_until_its_segment_was_removed_loses_nothing(opened: Open) -> None:
    writer, _ = opened()
    put(writer, 1, 2)
    reader, seen = opened(idle_seconds=-60)
    (segment,) = reader.segments()
    end, closed = reader.end(segment)
    assert closed
    reader.remove(segment)
    put(writer, 3)
    seen._look(now=True)
    damages: list[Damage] = []
    read = [f.received_us for s in reader.segments() for f, _ in reader.read(s, end, damaged=damages.append)]
    assert (read, damages) == ([3], [])


def test_a_group_whose_answer_was_lost_costs_no_later_group_its_place(opened: Open) -> None:
    box, segments = opened()
    put(box, 1)
    segment, start = segments._open or ("", 0)
    obstore.put(
        segments._client, f"{segment}/{start:016x}", b"what the bucket took although it did not say so"
    )
    put(box, 2, 3)
    damages: list[Damage] = []
    segments._look(now=True)
    assert numbers(box, damages.append) == [1, 2, 3] and len(damages) == 1


def test_an_object_that_is_gone_or_damaged_is_told_and_the_others_are_read(opened: Open) -> None:
    box, segments = opened()
    put(box, *range(5))
    (segment,) = box.segments()
    keys = sorted(segments._groups(segment))
    body = bytearray(segments._get(segment, keys[3]))
    body[-3] ^= 0xFF
    obstore.delete(segments._client, f"{segment}/{keys[1]:016x}")
    obstore.put(segments._client, f"{segment}/{keys[3]:016x}", bytes(body))
    reader, _ = opened()
    damages: list[Damage] = []
    assert numbers(reader, damages.append) == [0, 2, 4]
    assert [(d.start, d.end) for d in damages] == [
        (keys[1], keys[2]),
        (keys[3] + 12, keys[4]),
    ]
    assert reader.set_aside() == [segment]


def test_kill_minus_nine_loses_nothing_that_was_acknowledged(
    opened: Open, endpoint: str, request: Any
) -> None:
    program = textwrap.dedent(
        f"""
        import os
        from allears.lake import Frame, Inbox, SegmentObjects, bucket_of
        bucket = bucket_of("s3://ears/{request.node.name}", "", "{endpoint}", {GIVEN!r})
        box = Inbox(SegmentObjects(bucket, "shop"), seal=bytes, unseal=bytes)
        i = 0
        while True:
            box.append(Frame("signals", "test", None, i, os.urandom(500))).result()
            print(i, flush=True)
            i += 1
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen = [int(process.stdout.readline()) for _ in range(60)]
    os.kill(process.pid, signal.SIGKILL)
    seen += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    process.wait()
    process.stdout.close()
    reader, _ = opened(idle_seconds=-60)
    stored = numbers(reader)
    assert stored[: len(seen)] == seen and len(stored) - len(seen) <= 1
    assert reader.end(reader.segments()[0])[1]


def test_a_bucket_that_hangs_or_is_away_is_told_and_no_door_waits_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in (f"http://127.0.0.1:{silent.getsockname()[1]}", "http://127.0.0.1:1"):
            bucket = bucket_of("s3://ears/away", "", address, GIVEN)
            box = Inbox(SegmentObjects(bucket, "shop", timeout=1.0), seal=bytes, unseal=bytes)
            with pytest.raises(WorldFailed, match="cannot be reached"):
                put(box, 1)
            box.demand_room()  # asks nothing of a network, so that no door waits for one
            box.close()


def test_a_bucket_that_comes_back_is_written_to_without_a_restart(files: Any, endpoint: str) -> None:
    files.create_dir("later")
    box = Inbox(
        SegmentObjects(bucket_of("s3://later/in", "", endpoint, GIVEN), "shop"), seal=bytes, unseal=bytes
    )
    put(box, 1)
    files.delete_dir("later")
    with pytest.raises(NotFound, match="no such bucket"):
        put(box, 2)
    files.create_dir("later")
    put(box, 3)
    assert 3 in numbers(box)
    box.close()


def test_two_spaces_do_not_share_a_place(opened: Open) -> None:
    put(opened("shop")[0], 1)
    with pytest.raises(Refused, match="another space"):
        put(opened("bakery")[0], 2)


def test_a_space_keeps_its_inbox_in_a_bucket_sealed_and_moves_with_its_backup(
    endpoint: str, tmp_path: Path
) -> None:
    canary = "canaryparcel7"
    settings = Settings(
        space=SpaceSettings(name="shop"),
        inbox=InboxSettings(url="s3://ears/space/inbox", endpoint=endpoint),
        lake=LakeSettings(url="s3://ears/space/lake", endpoint=endpoint),
    )
    rows: list[dict[str, Any]] = [
        {
            "signal_id": f"s{n}",
            "text": f"My {canary} never came",
            "identifiers": {"email": f"u{n % 7}@example.com"},
        }
        for n in range(40)
    ]
    with Space.open(tmp_path / "shop", settings=settings, environment=GIVEN) as space:
        space.hear(rows[:20], source="own")
        assert space.status()["pending"] == 20
        assert not list((tmp_path / "shop" / "inbox").glob("*.seg"))
        assert space.digest()["stored"] == 20
        space.erase("u3@example.com")
        space.hear(rows[20:30], source="own")
        backup(space.ground, tmp_path / "1")
        client = space.ground.inbox._segments._client  # type: ignore[attr-defined]
        held = [bytes(obstore.get(client, found["path"]).bytes()) for found in obstore.list(client).collect()]
        assert len(held) > 2 and not any(canary.encode() in one for one in held)
        assert space.digest()["stored"] == 10
    key, given = tmp_path / "shop" / "space.key", GIVEN | {"AWS_ENDPOINT_URL": endpoint}
    with pytest.raises(Refused, match="one of its own"):
        restore(tmp_path / "1", tmp_path / "same", key, [], inbox="s3://ears/space/inbox", environment=given)
    restore(tmp_path / "1", tmp_path / "moved", key, [], inbox="s3://ears/moved/inbox", environment=given)
    with Space.open(tmp_path / "moved", environment=given) as space:
        assert space.settings.inbox.url == "s3://ears/moved/inbox"
        assert space.status()["pending"] == 10
        # Of the erased one only what was heard afterwards is there, under a new name.
        assert space.digest()["stored"] == 10
        assert space.customer("u3@example.com").timeline().num_rows == sum(n % 7 == 3 for n in range(20, 30))
        space.hear(rows, source="own")
        assert space.digest()["stored"] == 10, "the thirty of before count once"
    restore(tmp_path / "1", tmp_path / "back", key, [])
    with Space.open(tmp_path / "back") as space:
        assert space.settings.inbox.url == "inbox" and space.digest()["stored"] == 10


def test_two_machines_that_share_no_disk_are_one_space(
    endpoint: str, migrated: Callable[[], str], tmp_path: Path
) -> None:
    settings = Settings(
        space=SpaceSettings(name="shop"),
        inbox=InboxSettings(url="s3://ears/apart/inbox", endpoint=endpoint),
        lake=LakeSettings(url="s3://ears/apart/lake", endpoint=endpoint),
        desk=DeskSettings(url=migrated()),
    )
    Space.open(tmp_path / "one", settings=settings, environment=GIVEN).close()
    (tmp_path / "two").mkdir()
    for name in ("allears.toml", "space.key"):
        shutil.copy(tmp_path / "one" / name, tmp_path / "two" / name)
    with (
        Space.open(tmp_path / "one", environment=GIVEN) as one,
        Space.open(tmp_path / "two", environment=GIVEN) as two,
    ):
        for start in (0, 20, 40):
            rows = [
                {"signal_id": f"s{n}", "text": "It never came", "identifiers": {"user_id": f"u{n % 5}"}}
                for n in range(start, start + 30)
            ]
            one.hear(rows[:15], source="own")
            two.hear(rows[15:], source="own")
            for space in (one, two):
                space.ground.inbox._segments._look(now=True)  # type: ignore[attr-defined]
                space.digest()
        assert one.counts()["stored"] == two.counts()["stored"] == 70
        assert one.customer("u1").timeline().num_rows == two.customer("u1").timeline().num_rows == 14


def test_what_waits_in_the_folder_is_not_left_behind(endpoint: str, tmp_path: Path) -> None:
    with Space.open(tmp_path / "shop", environment=GIVEN) as space:
        space.hear([{"text": "My parcel never came"}], source="own")
    file = tmp_path / "shop" / "allears.toml"
    was = file.read_text("utf-8")
    file.write_text(f'{was}\n[inbox]\nurl = "s3://ears/later"\nendpoint = "{endpoint}"\n', "utf-8")
    with pytest.raises(Refused, match="digest them before"):
        Space.open(tmp_path / "shop", environment=GIVEN)
    file.write_text(was, "utf-8")
    with Space.open(tmp_path / "shop", environment=GIVEN) as space:
        assert space.digest()["stored"] == 1


def test_a_new_space_is_not_begun_where_an_inbox_is_or_cannot_be(tmp_path: Path, endpoint: str) -> None:
    def settings(url: str) -> Settings:
        return Settings(space=SpaceSettings(name="shop"), inbox=InboxSettings(url=url, endpoint=endpoint))

    with pytest.raises(NotFound, match="no such bucket"):
        Space.open(tmp_path / "nowhere", settings=settings("s3://nobody-made-this/x"), environment=GIVEN)
    taken = settings("s3://ears/begun-twice")
    with Space.open(tmp_path / "first", settings=taken, environment=GIVEN) as space:
        space.hear([{"text": "Hello"}], source="own")
    with pytest.raises(Refused, match="an inbox needs one of its own"):
        Space.open(tmp_path / "second", settings=taken, environment=GIVEN)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "second").exists()
