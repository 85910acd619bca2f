import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from allears.clock import SetClock
from allears.journey import guarding
from allears.journey.second import Second
from allears.journey.take import take
from allears.space import Space

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def second() -> Iterator[Second]:
    made = Second(True)
    yield made
    made.close()


def _end(number: int) -> None:
    os.kill(os.getpid(), number)


def _where() -> int:
    return os.getpid()


def test_work_is_done_elsewhere_and_here_if_unwanted(second: Second) -> None:
    assert second.begin(_where)() != os.getpid() == Second(False).begin(_where)()


def test_errors_come_back(second: Second) -> None:
    with pytest.raises(ValueError, match="twelve"):
        second.begin(int, "twelve")()
    assert second.begin(int, "12")() == 12


def test_what_a_killed_process_was_doing_is_done_here(second: Second) -> None:
    other = second.begin(_where)()
    answer = second.begin(sorted, list(range(300_000)), reverse=True)
    os.kill(other, signal.SIGKILL)
    assert answer()[0] == 299_999
    assert second.begin(_where)() not in (other, os.getpid())


def test_an_answer_nobody_waited_for_is_not_taken_for_the_next_one(second: Second) -> None:
    second.begin(int, "1")
    assert second.begin(int, "2")() == 2


def _payloads() -> Iterator[tuple[str, str, bytes]]:
    for day in range(40):
        calls = [
            {"type": "track", "event": "Order placed", "userId": f"u{i % 7}", "messageId": f"{day}-{i}",
             "timestamp": f"2026-03-{1 + day % 28:02}T09:00:{i:02}Z", "context": {"traits": {"name": f"Ada Nöl{i % 7}"}},
             "properties": {"note": f"call Ada Nöl{i % 7} on 678-777-16{i:02}", "total": i}}
            for i in range(20)
        ]  # fmt: skip
        yield "segment", "shop", msgspec.json.encode({"batch": calls})
        rows = [
            {"id": f"{day}-{i}", "body": f"Late again, write to ada{i}@example.com", "author": f"u{i}"}
            for i in range(9)
        ]
        yield "rows", "desk", msgspec.json.encode(rows)


def _signals(folder: Path, second_process: bool, monkeypatch: pytest.MonkeyPatch) -> pa.Table:
    monkeypatch.setattr(guarding, "LARGE", 100 if second_process else 1 << 40)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with Space.open(folder, clock=SetClock(NOW), create=True) as space:
        for door, source, body in _payloads():
            take(space.ground, door, body, source=source)[1].result()
        taken = list(space.digester.run())
        assert sum(part.stored for part in taken) == 40 * 29
        found: Any = space.ground.engine.query(
            "SELECT signal_id, source, occurred_at, text, properties, sentiment, topics, list_sort(identifiers) IS NULL AS nobody FROM signals ORDER BY signal_id"
        )
    return found


def test_a_large_batch_comes_out_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = []
    begin = Second.begin

    def noting(self: Second, function: Any, *args: Any, **named: Any) -> Any:
        began.append(function.func if isinstance(function, partial) else function)
        return begin(self, function, *args, **named)

    monkeypatch.setattr(Second, "begin", noting)
    alone = _signals(tmp_path / "one", False, monkeypatch)
    assert not began
    together = _signals(tmp_path / "two", True, monkeypatch)
    assert {function.__name__ for function in began} == {"read_payloads", "redact_json"}
    assert together.equals(alone) and "Nöl" not in str(together["properties"].to_pylist())
