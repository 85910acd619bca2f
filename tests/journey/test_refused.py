"""Refused rows: grouped, looked at by those who may, tried again once a mapping is mended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from allears.desk.listening import RefusedRow
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.journey import refused
from allears.journey.refused import Wanted
from allears.listen.mapping import read_mapping
from allears.space import Space

SECRET = "ada@example.com"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme") as opened:
        yield opened


def spoil(space: Space, count: int, *, source: str = "desk", rating: int = 99) -> None:
    rows = [
        {"signal_id": f"{source}-{n}", "text": f"{n} {SECRET}", "rating": rating, "rating_scale": "nps-0-10"}
        for n in range(count)
    ]
    space.hear(rows, source=source)


def test_many_rows_of_one_mistake_are_one_line(space: Space) -> None:
    spoil(space, 1200)
    space.hear([{"text": "hello", "channel": "pigeon"}], source="loft")
    first, second = space.refused_groups()
    assert (first["source"], first["n"], second["source"], second["n"]) == ("desk", 1200, "loft", 1)
    assert first["first_at"] <= first["last_at"]
    assert [g["n"] for g in space.refused_groups("loft")] == [1]


def test_paging_shows_each_row_once_and_newest_first(space: Space) -> None:
    spoil(space, 25)
    spoil(space, 5, source="other")
    found, after = [], None
    for _ in range(10):
        rows, after = refused.page(space.ground, Wanted("desk"), limit=10, after=after)
        found += rows
        if after is None:
            break
    assert len({r["refused"] for r in found}) == len(found) == 25
    assert found == sorted(found, key=lambda r: (r["received_at"], r["refused"]), reverse=True)
    with pytest.raises(Refused):
        refused.page(space.ground, after="no page")


def test_no_list_tells_a_value(space: Space) -> None:
    spoil(space, 3)
    told = [space.refused(), space.refused_groups(), space.refused_row(space.refused()[0]["refused"])]
    assert SECRET not in str(told)


def test_a_look_needs_a_right_and_a_reason_and_is_in_the_audit(space: Space) -> None:
    spoil(space, 1)
    [row] = space.refused()
    officer, engineer = Principal("user:pia", Role.PRIVACY), Principal("user:eno", Role.ENGINEER)
    with pytest.raises(Refused):
        space.open_refused(row["refused"], why=" ", principal=officer)
    with pytest.raises(NotAllowed):
        space.open_refused(row["refused"], why="curious", principal=engineer)
    opened = space.open_refused(row["refused"], why="case 12", principal=officer)
    assert SECRET in opened["payload"] and opened["replayable"]
    acts = [(e.actor, e.action, e.why) for e in space.ground.audit.entries(10)]
    assert ("user:pia", "open_sealed", "case 12") in acts
    assert ("user:eno", "open_sealed_denied", "curious") in acts
    with pytest.raises(NotFound):
        space.open_refused("none", why="case 12", principal=officer)


MAPPING = 'id = "id"\ntext = "text"\noccurred_at = "{}"\n'


def test_a_mended_mapping_lets_in_what_was_refused_once(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "marks.ndjson"
    noon = "2026-06-01T12:00:00Z"
    rows = [{"id": n, "text": f"mark {n}", "due": "soon" if n < 3 else noon, "date": noon} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = space.listen(path, source="marks", mapping=read_mapping(MAPPING.format("due"), "test"))
    assert (before.accepted, before.refused) == (2, 3)
    one = space.refused()[0]
    still = space.replay(row=one["refused"])
    assert (still.accepted, still.refused, still.reasons[0]["n"]) == (0, 1, 1)
    space.listen(path, source="marks", mapping=read_mapping(MAPPING.format("date"), "test"))
    done = space.replay("marks", reason=one["reason"], actor="user:eno")
    assert (done.accepted, done.refused) == (3, 0)
    space.digest(look=False)
    assert space.status()["stored"] == 5, "taken in again with the file, and counted once"
    assert space.refused() == [] and space.replay("marks").accepted == 0
    entry = next(e for e in space.ground.audit.entries(10) if e.actor == "user:eno")
    assert (entry.action, entry.detail) == ("refused.replay", {"accepted": 3, "refused": 0})


def test_one_group_is_tried_without_touching_others(space: Space) -> None:
    spoil(space, 3)
    spoil(space, 2, source="other")
    done = space.replay("other")
    assert (done.accepted, done.refused) == (0, 2)
    assert [(r["n"]) for r in done.reasons] == [2]
    with pytest.raises(NotFound):
        space.replay(row="none")


def test_a_row_that_is_wrong_in_another_way_now_says_so(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(space, 2)
    from allears.listen.signals import Signals

    class Stricter(Signals):
        def read(self, body: bytes, context: object) -> object:  # type: ignore[override]
            reading = super().read(body, context)  # type: ignore[arg-type]
            reading.refused[:] = [
                type(r)(r.place, "another reason", r.payload, r.format) for r in reading.refused
            ]
            return reading

        def check(self, body: bytes, context: object) -> object:  # type: ignore[override]
            return type("Fine", (), {"refused": []})()

    from allears.listen.formats import FORMATS

    monkeypatch.setitem(FORMATS, "signals", Stricter())
    space.replay("desk")
    assert {r["reason"] for r in space.refused()} == {"another reason"}


def mend(space: Space, count: int) -> None:
    """Teach a mapping that reads what an earlier one could not."""
    lines = "".join(f'{{"id": "r{n}", "said": "number {n}", "stars": "many"}}\n' for n in range(count))
    (space.ground.folder / "rows.jsonl").write_text(lines, "utf-8")
    strict = read_mapping('id = "id"\nrating = "stars"\nrating_scale = "stars-1-5"\n', "strict")
    space.listen(space.ground.folder / "rows.jsonl", source="shop", mapping=strict)
    loose = read_mapping('id = "id"\ntext = "said"\n', "loose")
    space.listen(write_rows(space), source="shop", mapping=loose)


def write_rows(space: Space) -> Path:
    path = space.ground.folder / "good.jsonl"
    path.write_text('{"id": "good", "said": "hello", "stars": 3}\n', "utf-8")
    return path


def test_one_row_that_cannot_be_opened_keeps_no_other_waiting(space: Space) -> None:
    mend(space, 5)
    [damaged, *_] = space.refused(source="shop")
    with space.ground.desk.session() as session:
        row = session.get(RefusedRow, damaged["refused"])
        assert row is not None
        row.payload = row.payload[:-1] + bytes([row.payload[-1] ^ 1])
    found = space.replay("shop")
    assert (found.accepted, found.refused) == (4, 1)
    assert found.reasons == [{"reason": "it cannot be opened any more", "place": damaged["place"], "n": 1}]


def test_replays_at_the_same_time_beside_a_digest_lose_nothing_and_count_nothing_twice(space: Space) -> None:
    mend(space, 700)
    assert space.refused_groups("shop")[0]["n"] == 700
    failed: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    jobs: list[Callable[[], object]] = [
        lambda: space.replay("shop"),
        lambda: space.replay("shop"),
        space.digest,
    ]
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    space.digest()
    assert not failed and not space.refused_groups("shop")
    told = space.sql(
        "SELECT count(*) AS n, count(DISTINCT signal_id) AS ids FROM signals WHERE source = 'shop'"
    )
    assert told.to_pylist() == [{"n": 701, "ids": 701}]
    assert space.replay("shop").accepted == 0
