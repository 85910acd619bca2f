"""Consent that comes with signals: Segment's consent object, consent mode, TCF strings; late, twice, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.journey.content import holders

from allears.clock import SetClock
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVENT = "Segment Consent Preference Updated"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        yield opened


def send(space: Space, *calls: dict[str, Any]) -> None:
    space.take("segment", msgspec.json.encode({"batch": list(calls)}), source="web")
    space.digest(look=False)


def call(number: int, consent: Any, *, hours: float = 1, event: str = EVENT, **more: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "messageId": f"m{number}", "userId": "u1", "timestamp": (NOW - hours * HOUR).isoformat(),
        "context": {"consent": {"categoryPreferences": consent}},
    } | more  # fmt: skip


def held(space: Space, who: str = "u1") -> dict[str, str]:
    return {
        row["purpose"]: row["state"] for row in space.consent(who)["purposes"] if row["state"] != "unknown"
    }


def test_segment_s_consent_event_is_heard(space: Space) -> None:
    send(space, call(1, {"Advertising": True, "Analytics": False, "Functional": True, "DataSharing": False}))
    assert held(space) == {"marketing": "given", "analytics": "refused"}
    word = space.consent("u1")["history"][0]
    assert (word["source"], word["how"], word["said_at"]) == ("web", EVENT, NOW - HOUR)
    send(space, call(2, {"Advertising": False}, hours=0.5))
    assert held(space)["marketing"] == "withdrawn"


def test_identify_tells_too_and_other_events_only_repeat(space: Space) -> None:
    send(space, call(1, {"Advertising": True}, event="Product Viewed"))
    assert held(space) == {}
    send(space, {"type": "identify", "messageId": "m2", "userId": "u1", "timestamp": NOW.isoformat(), "context": {"consent": {"categoryPreferences": {"Advertising": True}}}})  # fmt: skip
    assert held(space) == {"marketing": "given"}


def test_any_order_of_arrival_ends_the_same(tmp_path: Path) -> None:
    calls = [
        call(1, {"Advertising": True}, hours=3),
        call(2, {"Advertising": False}, hours=2),
        call(3, {"Advertising": True}, hours=1),
    ]
    for number, order in enumerate(permutations(calls)):
        with Space.open(tmp_path / str(number), clock=SetClock(NOW)) as space:
            for one in order:
                send(space, one)
            assert held(space) == {"marketing": "given"}, "the last word was a yes"


def test_the_same_call_twice_is_one_word(space: Space) -> None:
    for number in (1, 2):
        send(space, call(number, {"Advertising": True}), call(number + 10, {"Advertising": True}))
    assert len(space.consent("u1")["history"]) == 1


def test_a_clock_that_runs_ahead_does_not_outvote_a_later_no(space: Space) -> None:
    send(space, call(1, {"Advertising": True}, hours=-40))
    clock = space.ground.clock
    assert isinstance(clock, SetClock)
    clock.set(NOW + HOUR)
    space.note_consent("u1", "marketing", "withdrawn", why="on the phone")
    assert held(space) == {"marketing": "withdrawn"}


def test_consent_mode_and_strings_of_our_own_json_are_heard(space: Space) -> None:
    row = {
        "signal_id": "s1", "kind": "event", "name": "consent update", "channel": "web", "identifiers": {"anonymous_id": "a1"},
        "properties": {"consent": {"ad_storage": "granted", "analytics_storage": "denied", "version": "banner-7"}},
    }  # fmt: skip
    space.hear([row], source="tags")
    text = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA"
    space.hear([row | {"signal_id": "s2", "identifiers": {"anonymous_id": "a2"}, "properties": {"consent": {"tcString": text}}}], source="tags")  # fmt: skip
    space.digest(look=False)
    assert held(space, "a1") == {"marketing": "given", "analytics": "refused"}
    assert space.consent("a1")["history"][0]["version"] == "banner-7"
    assert held(space, "a2") == {"marketing": "refused", "analytics": "refused", "product": "refused"}


def test_a_string_that_is_none_is_kept_in_refused_and_says_nothing(space: Space) -> None:
    send(space, call(1, {"Advertising": True, "tcf": "ada@example.com"}))
    assert held(space) == {}
    [row] = space.refused()
    assert row["reason"].startswith("expected a consent string") and "ada" not in row["reason"] + row["place"]
    assert space.status()["stored"] == 1, "the event itself is kept"


@pytest.mark.parametrize(
    "consent", [None, [], "yes", {"Advertising": {"deep": 1}}, {"": True}, {"Advertising": None}]
)
def test_what_says_nothing_is_no_word(space: Space, consent: Any) -> None:
    send(space, call(1, consent))
    assert held(space) == {}


def test_mail_that_unsubscribes_ends_offers_and_nothing_else(space: Space) -> None:
    mail = (
        b"From: Ada <ada@example.com>\r\nTo: news@shop.example\r\nSubject: unsubscribe\r\n"
        b"Date: Mon, 1 Jun 2026 09:00:00 +0000\r\nMessage-ID: <u1@x>\r\n\r\n"
    )
    space.take("mail", mail, source="post")
    space.digest(look=False)
    assert held(space, "ada@example.com") == {"marketing": "withdrawn"}
    word = space.consent("ada@example.com")["history"][0]
    assert (word["source"], word["how"], word["said_at"]) == ("post", "consent by email", NOW - 3 * HOUR)
    # A later yes counts again.
    space.note_consent("ada@example.com", "marketing", "given", why="on the phone")
    assert held(space, "ada@example.com") == {"marketing": "given"}


def test_the_version_of_a_text_names_nobody_at_any_door(space: Space, tmp_path: Path) -> None:
    told = {"kind": "event", "name": "consent given", "channel": "web", "identifiers": {"email": "ada@example.com"},
            "properties": {"consent": {"ad_storage": "granted", "version": "signal.qolvun@example.org"}}}  # fmt: skip
    space.hear([told], source="banner")
    space.digest(look=False)
    path = tmp_path / "words.csv"
    path.write_text(
        "email,purpose,state,said_at,version\nada@example.com,research,given,2026-05-01T12:00:00Z,file.qolvun@example.org\n"
    )
    assert space.import_consent(path).new == 1
    space.note_consent(
        "ada@example.com", "product", "given", why="by phone", version="hand.qolvun@example.org"
    )
    space.note_consent("ada@example.com", "marketing", "given", why="by phone", version="2026-05.1")
    versions = sorted(word["version"] for word in space.consent("ada@example.com")["history"])
    assert versions == ["2026-05.1", *["<EMAIL_1>"] * (len(versions) - 1)] and len(versions) > 3
    assert holders(space.ground.folder, b"qolvun") == []
