"""Segment's and RudderStack's own Python libraries, unmodified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.clients.conftest import Read

segment = pytest.importorskip("segment.analytics.client")
rudder = pytest.importorskip("rudderstack.analytics.client")

WriteKey = Callable[[str], str]
AT = datetime(2026, 6, 1, 10, tzinfo=UTC)


class Failures:
    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def __call__(self, error: Any, batch: list[dict[str, Any]]) -> None:
        self.told.append((error.status, error.code))


def segment_client(key: str, url: str, failures: Failures, **options: Any) -> Any:
    return segment.Client(key, host=url, on_error=failures, max_retries=2, timeout=10, **options)


def rudder_client(key: str, url: str, failures: Failures, **options: Any) -> Any:
    return rudder.Client(key, host=url, on_error=failures, max_retries=2, timeout=10, **options)


@pytest.fixture(params=[segment_client, rudder_client], ids=["segment", "rudderstack"])
def make(request: pytest.FixtureRequest) -> Iterator[Any]:
    clients = []

    def made(*given: Any, **options: Any) -> Any:
        clients.append(request.param(*given, **options))
        return clients[-1]

    yield made
    for client in clients:
        client.join()
    module = segment if request.param is segment_client else rudder
    # Both keep one connection for the whole process; closed here, it warns nobody later.
    __import__(module.__name__.rpartition(".")[0] + ".request", fromlist=["_session"])._session.close()


@pytest.mark.parametrize("gzip", [True, False], ids=["gzip", "plain"])
def test_each_call_arrives_as_it_was_made(
    make: Any, gzip: bool, url: str, write_key: WriteKey, read: Read, request: pytest.FixtureRequest
) -> None:
    source, failures = request.node.callspec.id, Failures()
    client = make(write_key(source), url, failures, gzip=gzip)
    times = [AT + timedelta(minutes=n) for n in range(6)]
    client.identify("u1", {"email": "ada@example.com", "plan": "gold"}, timestamp=times[0])
    client.track("u1", "Order Completed", {"total": 19.9, "region": "North"}, timestamp=times[1])
    client.page("u1", "docs", "Prices", {"path": "/prices"}, timestamp=times[2])
    client.screen("u1", "app", "Basket", timestamp=times[3])
    client.group("u1", "firm-7", {"name": "Example Ltd"}, timestamp=times[4])
    client.alias("anon-1", "u1", timestamp=times[5])
    client.flush()
    assert not failures.told
    rows = read(source)
    assert [r["name"] for r in rows] == ["identify", "Order Completed", "Prices", "Basket", "group", "alias"]
    assert [r["kind"] for r in rows] == ["profile", "event", "event", "event", "profile", "profile"]
    assert [r["occurred_at"] for r in rows] == times
    assert rows[1]["region"] == "North"
    assert rows[4]["account"]
    assert len({r["customer_key"] for r in rows}) == 1, "an alias joins what was anonymous"


def test_many_calls_are_all_stored_once(make: Any, url: str, write_key: WriteKey, read: Read, request: pytest.FixtureRequest) -> None:  # fmt: skip
    source, failures = f"many-{request.node.callspec.id}", Failures()
    client = make(write_key(source), url, failures, gzip=True)
    for number in range(1000):
        client.track(f"u{number % 50}", "Viewed", {"number": number})
    client.flush()
    assert not failures.told
    ids = [r["signal_id"] for r in read(source)]
    assert len(ids) == len(set(ids)) == 1000


def test_a_wrong_write_key_is_told_to_the_client_at_once(make: Any, url: str, space: Any) -> None:
    failures = Failures()
    client = make("ae_00000000_nobody", url, failures, gzip=False)
    client.track("u1", "Viewed")
    client.flush()
    client.join()
    assert failures.told == [(401, "not_allowed")]


def test_a_call_larger_than_the_limit_is_refused_kept_and_not_tried_again(
    url: str, write_key: WriteKey, space: Any, read: Read
) -> None:
    # RudderStack's library lets 4 MB pass; Segment's refuses to send what is larger than 32 KB.
    failures = Failures()
    client = rudder_client(write_key("too-large"), url, failures)
    client.track("u1", "Viewed", {"note": "x" * 33_000})
    client.flush()
    client.join()
    assert failures.told == [(400, "refused")]
    assert [r["reason"] for r in space.refused() if r["source"] == "too-large"] == ["larger than 32 KB"]
    assert read("too-large") == []
