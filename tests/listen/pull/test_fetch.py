from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.listen.pull.answers import Place, Told, answering

from allears.errors import NotAllowed, Refused, WorldFailed
from allears.listen.pull.fetch import Fetcher, retry_after
from allears.listen.pull.page import Ask, Patience, Resting

HERE = frozenset({"127.0.0.1"})
Make = Callable[..., Fetcher]


@pytest.fixture
def fetch(ask: Callable[..., Ask]) -> Iterator[Make]:
    made: list[Fetcher] = []

    def make(**more: Any) -> Fetcher:
        made.append(Fetcher(ask("x", **more), HERE))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_private_address_is_not_asked_unless_told_so(place: Place, fetch: Make) -> None:
    place.tell("/x", Told(b"hello"))
    assert fetch().get(f"{place.url}/x").body == b"hello"
    asked = len(place.asked)
    for url in (f"{place.url}/x", f"{place.url.replace('http', 'https')}/x"):
        with pytest.raises((NotAllowed, Refused)):
            fetch(allow_private=False).get(url)
    assert len(place.asked) == asked


def test_a_redirect_is_followed_only_to_a_host_that_is_configured(place: Place, fetch: Make) -> None:
    place.tell("/here", Told(b"", 302, {"location": "/there"}))
    place.tell("/there", Told(b"moved"))
    place.tell("/out", Told(b"", 302, {"location": place.url.replace("127.0.0.1", "localhost") + "/there"}))
    place.tell("/meta", Told(b"", 307, {"location": "http://169.254.169.254/latest"}))
    place.tell("/round", Told(b"", 302, {"location": "/round"}))
    fetcher = fetch()
    assert fetcher.get(f"{place.url}/here").body == b"moved"
    for path in ("/out", "/meta"):
        with pytest.raises(NotAllowed, match="not configured"):
            fetcher.get(place.url + path)
    with pytest.raises(WorldFailed, match="too often"):
        fetcher.get(f"{place.url}/round")


def test_a_place_that_asks_for_a_long_rest_gets_it(place: Place, fetch: Make) -> None:
    place.tell("/x", Told(b"", 429, {"retry-after": "900"}))
    with pytest.raises(Resting) as found:
        fetch().get(f"{place.url}/x")
    assert found.value.facts["wait_seconds"] == 900 and len(place.asked) == 1


@pytest.mark.parametrize(
    ("status", "again"), [(401, False), (403, False), (404, False), (400, False), (500, True), (503, True)]
)
def test_only_what_may_pass_is_tried_again(status: int, again: bool, place: Place, fetch: Make) -> None:
    place.tell("/x", Told(b"", status))
    with pytest.raises(WorldFailed) as found:
        fetch().get(f"{place.url}/x?key=geheim")
    assert (found.value.again, len(place.asked)) == (again, 3 if again else 1)
    assert "geheim" not in str(found.value)


def test_a_silent_place_is_given_up_in_time(place: Place, fetch: Make) -> None:
    place.tell("/x", Told(b"late", late=0.6))
    patience = Patience(timeout_seconds=0.1, retry_seconds=(0.01,))
    with pytest.raises(WorldFailed, match="no answer in time"):
        fetch(patience=patience).get(f"{place.url}/x")


def test_a_stop_ends_waiting_at_once(place: Place, fetch: Make) -> None:
    place.tell("/x", Told(b"", 500))
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    fetcher = fetch(stop=stop, patience=Patience(retry_seconds=(60.0,)))
    with pytest.raises(WorldFailed, match="stopped"):
        fetcher.get(f"{place.url}/x")


def test_requests_keep_their_pace(fetch: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    with answering() as place:
        place.tell("/x", Told(b"hello"))
        fetcher = fetch(per_minute=1.0)
        monkeypatch.setattr(fetcher, "wait", waits.append)
        for _ in range(3):
            fetcher.get(f"{place.url}/x")
    assert len(waits) == 2 and waits[0] <= 60 < waits[1]


def test_an_answer_too_long_is_left(place: Place, fetch: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allears.listen.pull.fetch.LARGEST_ANSWER", 1000)
    place.tell("/x", Told(b"x" * 5000))
    with pytest.raises(WorldFailed, match="longer than"):
        fetch().get(f"{place.url}/x")


def test_waits_are_read_in_all_their_forms() -> None:
    later = datetime.now(UTC) + timedelta(seconds=120)
    assert 110 < retry_after({"retry-after": format_datetime(later, usegmt=True)}) <= 120
    assert 110 < retry_after({"x-ratelimit-reset": later.isoformat()}) <= 120
    assert 110 < retry_after({"x-ratelimit-reset": str(time.time() + 120)}) <= 120
    assert retry_after({"retry-after": "nan"}) == retry_after({"retry-after": "-5"}) == 0.0
    assert retry_after({"retry-after": "1e300"}) == 86_400.0
