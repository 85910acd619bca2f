from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allears.clock import SetClock
from allears.errors import NotFound, WorldFailed
from allears.space import Space

COMMENTS = [
    {"id": str(i), "comment": f"The parcel came {i} days late", "created_at": "2026-06-01T10:00:00Z"}
    for i in range(3)
]


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space") as opened:
        yield opened


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"reviews": COMMENTS}, indent=2),
        json.dumps(COMMENTS),
        json.dumps(COMMENTS, indent=2),
        "\n".join(map(json.dumps, COMMENTS)),
    ],
    ids=["an envelope over several lines", "a list", "a list over several lines", "one a line"],
)
def test_the_first_body_of_a_source_may_have_any_form(body: str, space: Space) -> None:
    assert space.take("rows", body.encode(), source="shop").accepted
    assert space.digest(look=False)["stored"] == 3
    assert space.sql("SELECT count(text) AS n FROM signals").to_pylist() == [{"n": 3}]


def test_a_young_space_has_a_pulse(space: Space) -> None:
    space.hear([{"text": "My parcel never came", "identifiers": {"user_id": "u1"}}], source="mail")
    space.digest(look=False)
    seen = space.pulse()
    assert (seen["trust"], seen["open_issues"]) == ({}, 0)


def test_what_the_disk_did_not_keep_is_reported_and_all_else_is_stored(space: Space) -> None:
    for number in range(4):
        space.hear([{"signal_id": str(number), "text": "hello there"}], source="desk")
    inbox = space.ground.inbox
    inbox.close()
    path = space.ground.folder / "inbox" / f"{inbox.segments()[0]}.seg"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data[:-3])
    done = space.digest(look=False)
    assert done["stored"] == 2
    assert space.status()["damaged"] == 1
    # Nobody sends as the inbox: what the disk damaged is no source that goes wrong.
    assert "inbox" not in {row["source"] for row in [*space.status()["sources"], *space.health()]}
    assert sorted(r["reason"].partition(";")[0] for r in space.refused()) == [
        "cut short at the end of the segment",
        "the checksum does not match",
    ]
    assert all(path.stem in r["place"] for r in space.refused())
    assert inbox.segments() == [], "read, reported, kept aside"
    assert space.digest(look=False)["stored"] == 0


def test_a_payload_its_reader_stumbles_over_stops_nothing_behind_it(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allears.listen.formats import FORMATS
    from allears.listen.signals import Signals

    class Stumbles(Signals):
        def read(self, body: bytes, context: object) -> object:  # type: ignore[override]
            if b"stumble" in body:
                raise RuntimeError("a fault of ours")
            return super().read(body, context)  # type: ignore[arg-type]

    monkeypatch.setitem(FORMATS, "signals", Stumbles())
    for text in ("fine", "stumble", "fine too"):
        space.hear([{"text": text}], source="desk")
    assert space.digest(look=False)["stored"] == 2
    assert [r["reason"] for r in space.refused()] == ["its reader failed (RuntimeError)"]
    monkeypatch.undo()
    assert space.refused(source="another") == [] and space.replay("another").accepted == 0
    assert space.replay("desk").accepted == 1
    space.digest(look=False)
    assert space.status()["stored"] == 3


def test_each_kind_of_rows_of_one_source_is_read_by_its_own_columns(tmp_path: Path) -> None:
    reviews = b'[{"id": "r1", "review_text": "The kettle broke at once", "stars": 1, "created_at": "2026-05-04T10:00:00Z"}]'
    chats = b'[{"msg_id": "c1", "message": "Where is my parcel?", "sent_at": "2026-05-05T10:00:00Z", "email": "ada@example.com"}]'
    with Space.open(tmp_path / "acme") as space:
        for body in (reviews, chats, reviews.replace(b"r1", b"r2"), chats.replace(b"c1", b"c2")):
            assert space.take("rows", body, source="shop").accepted == 1
        space.digest(look=False)
    with Space.open(tmp_path / "acme") as space:
        space.take("rows", chats.replace(b"c1", b"c3"), source="shop")
        space.digest(look=False)
        texts = space.sql("select text, count(*) as n from signals group by text order by text").to_pylist()
    assert texts == [{"text": "The kettle broke at once", "n": 2}, {"text": "Where is my parcel?", "n": 3}]


def test_a_clock_that_jumps_loses_and_doubles_nothing(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 6, 1, tzinfo=UTC))
    with Space.open(tmp_path / "jumps", clock=clock) as space:
        for number, days in enumerate((0, 400, -400, 3, -30)):
            clock.set(datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=days))
            for _ in range(2):
                space.hear([{"signal_id": str(number), "text": "hello there"}], source="desk")
            space.digest(look=False)
        again = [{"signal_id": str(number), "text": "hello there"} for number in range(5)]
        space.hear(again, source="desk")
        space.digest(look=False)
        status = space.status()
    assert (status["stored"], status["duplicates"], status["pending"]) == (5, 10, 0)


def test_what_could_not_be_written_is_taken_over_again_and_is_no_duplicate(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise WorldFailed("no room", place="signals", again=True)

    space.take("rows", json.dumps(COMMENTS).encode(), source="shop")
    with monkeypatch.context() as patch:
        patch.setattr(type(space.ground.store), "append", full)
        with pytest.raises(WorldFailed):
            space.digest(look=False)
    assert space.digest(look=False) | {"issues": 0} == {
        "stored": 3, "duplicates": 0, "refused": 0, "issues": 0, "cases": 0,
    }  # fmt: skip
    space.take("rows", json.dumps(COMMENTS).encode(), source="shop")
    assert space.digest(look=False)["duplicates"] == 3


def test_a_folder_without_a_file_that_can_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with Space.open(tmp_path / "space") as space, pytest.raises(NotFound, match=r"expected \.csv"):
        space.listen(tmp_path / "empty", source="x")
