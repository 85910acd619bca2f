"""Bad input about who is who, through the doors: nobody is taken for somebody else, and nothing that was told is lost."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allears.clock import SetClock
from allears.errors import Refused
from allears.journey.cutoff import cutoff
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PHONE = "+442079460958"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        yield opened


def hear(space: Space, rows: list[dict[str, Any]], source: str = "desk") -> None:
    made = [
        {"channel": "chat", "text": "hello", "signal_id": f"{source}{n}"} | row for n, row in enumerate(rows)
    ]
    space.hear(made, source=source)
    space.digest(look=False)


def counted(space: Space) -> tuple[int, int]:
    """Signals and customers that were told apart when they came."""
    [row] = space.sql("SELECT count(*) AS n, count(DISTINCT customer_key) AS c FROM signals").to_pylist()
    return row["n"], row["c"]


def today(space: Space) -> int:
    with_owner = space.ground.graph.identities()
    return len({r["customer"] for r in with_owner.to_pylist() if r["valid_to"] is None})


def test_a_phone_of_5000_people_joins_nobody_and_is_told_as_shared(space: Space) -> None:
    for part in range(5):
        people = range(part * 1000, part * 1000 + 1000)
        rows = [{"identifiers": {"email": f"p{i}@example.com", "phone": PHONE}} for i in people]
        hear(space, rows, f"part{part}-")
    hear(space, [{"identifiers": {"phone": PHONE}, "text": "who am I?"}], "alone")
    assert counted(space)[0] == 5001
    who = {space.customer(f"p{i}@example.com").id for i in range(0, 5000, 61)}
    assert len(who) == len(range(0, 5000, 61)) and today(space) >= 5000
    for i in (0, 1, 999, 4999):
        told = space.customer(f"p{i}@example.com").timeline()["text"].to_pylist()
        assert told == ["hello"]  # what came from the phone alone is nobody's of them
    reasons = space.ground.graph.refusals()["reason"].to_pylist()
    assert "identifier shared by many people" in reasons


def test_none_at_none_on_each_third_row_of_a_file_joins_nobody(space: Space, tmp_path: Path) -> None:
    ways = ["none@none.com", "None@None.com ", "noreply@shop.example", "test@test.com", "N/A", "-", "null"]
    with (tmp_path / "contacts.csv").open("w", newline="", encoding="utf-8") as file:
        write = csv.writer(file)
        write.writerow(["id", "time", "text", "customer_id", "email"])
        for i in range(900):
            mail = ways[i // 3 % len(ways)] if i % 3 == 0 else f"p{i}@example.com"
            write.writerow([i, (NOW - timedelta(minutes=i)).isoformat(), f"message {i}", f"u{i}", mail])
    receipt = space.listen(tmp_path / "contacts.csv", source="crm")
    space.digest(look=False)
    assert receipt.accepted == 900 and counted(space) == (900, 900) and today(space) == 900
    assert all(space.ground.graph.customer_of("email", way) is None for way in ways)
    assert space.customer("u0").timeline()["text"].to_pylist() == ["message 0"]


def test_two_people_who_swap_a_device_keep_their_own_words(space: Space) -> None:
    def call(number: int, user: str, device: str, words: str) -> dict[str, Any]:
        at = (NOW - timedelta(days=30 - number)).isoformat()
        context = {"device": {"id": device}}
        event = {"type": "track", "event": words, "userId": user, "anonymousId": f"a-{device}"}
        return event | {"context": context, "messageId": f"m{number}", "timestamp": at}

    calls = [call(1, "ada", "phone-1", "Ada first"), call(2, "bo", "phone-2", "Bo first")]
    calls += [call(3, "ada", "phone-2", "Ada later"), call(4, "bo", "phone-1", "Bo later")]
    for one in calls:  # each for itself, as they happen
        space.take("segment", json.dumps({"batch": [one]}).encode(), source="app")
        space.digest(look=False)
    for who in ("ada", "bo"):
        names = space.customer(who).timeline()["name"].to_pylist()
        assert sorted(names) == [f"{who.title()} first", f"{who.title()} later"]
    assert space.customer("ada").id != space.customer("bo").id


def test_10000_customers_who_are_all_said_to_be_one_stop_at_the_limit(space: Space) -> None:
    for part in range(4):
        browsers = range(part * 2500, part * 2500 + 2500)
        rows = [{"identifiers": {"anonymous_id": f"b{i}"}} for i in browsers]
        hear(space, rows, f"own{part}-")
    assert today(space) == 10_000
    for part in range(4):
        browsers = range(part * 2500, part * 2500 + 2500)
        rows = [{"identifiers": {"user_id": "u1", "anonymous_id": f"b{i}"}} for i in browsers]
        hear(space, rows, f"joined{part}-")
    assert counted(space)[0] == 20_000
    one = space.customer("u1")
    assert len(space.ground.graph.digests_of(one.id)) == 51
    assert today(space) == 10_000 - 50 + 1  # 50 of them and u1 are one; the others stay who they were
    whole = one.overview()
    assert whole["signals"] == 10_000 + 50  # every row names u1; of the browsers' own past, those of the 50
    assert sum(space.ground.graph.refusals()["count"].to_pylist()) == 10_000 - 50
    with pytest.raises(Refused, match="limit"):
        space.merge("u1", "b9999", why="says so")
    assert space.customer("b9999").timeline().num_rows == 1


NAMES = {
    "zh": "李小明", "ru": "Мария Иванова", "ar": "محمد الأحمد", "he": "דוד כהן", "el": "Ελένη Παπαδοπούλου", "hi": "प्रिया शर्मा", "th": "สมชาย ใจดี",
    "ka": "ნინო ბერიძე", "ko": "김민수", "ja": "山田 太郎", "vi": "Nguyễn Thị Ánh", "tr": "İpek Yıldız", "de": "Jörg Weiß", "one": "O'Neil-Ó Súilleabháin, Áine",
    "emoji": "Zoë 🦊 Fox", "rtl": "\u202eevil\u202c Ada", "zalgo": "A\u0301\u0323\u0308da R\u0302o\u0306ssi",
}  # fmt: skip


def test_names_in_any_script_join_nobody_and_are_hidden_in_their_own_words(space: Space) -> None:
    rows = [
        {
            "identifiers": {"user_id": f"{key}-{n}"}, "personal": {"name": name, "address": "Via Roma 5, 20121 Milano"},
            "text": f"My order is late. {name}",
        }
        for key, name in NAMES.items()
        for n in range(2)
    ]  # fmt: skip
    hear(space, rows)
    assert counted(space) == (len(rows), len(rows)) and today(space) == len(rows)
    for key, name in NAMES.items():
        person = space.customer(f"{key}-0")
        [text] = person.timeline()["text"].to_pylist()
        assert text.startswith("My order is late.") and name not in text, key
        assert name in json.dumps(space.digester.profiles.of(person.id), ensure_ascii=False)
    # One name at one address is a household of two, and still two customers.
    [home] = space.customer("ru-0").relations()
    assert home["with"] == [space.customer("ru-1").id]


def test_dates_in_the_future_move_nothing(space: Space) -> None:
    dates: list[Any] = [
        "2099-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 99999999999999999, "0001-01-01T00:00:00Z", (NOW + timedelta(days=1)).isoformat(),
        NOW.isoformat(), "2026-02-30T00:00:00Z", "+275760-09-13T00:00:00.000Z",
    ]  # fmt: skip
    rows = [
        {
            "occurred_at": at,
            "identifiers": {"user_id": "ada"},
            "channel": "chat",
            "text": "hello",
            "signal_id": f"s{n}",
        }
        for n, at in enumerate(dates)
    ]
    receipt = space.hear(rows, source="desk")
    space.digest()
    refused = space.refused()
    assert receipt.accepted + receipt.refused == len(dates) and receipt.refused == len(refused)
    seen = space.customer("ada").timeline()["occurred_at"].to_pylist()
    assert len(seen) == receipt.accepted
    # A day ahead may be a clock or a zone; what is further is taken as the time it came.
    assert max(seen) == NOW + timedelta(days=1) and min(seen) == NOW
    assert cutoff(space.ground) == NOW  # figures end now, whatever somebody says
    assert not space.issues()
    with pytest.raises(Refused, match="over"):
        space.tell_account("bolt")
        space.relate("ada", "bolt", since=NOW + timedelta(days=1))


def test_a_profile_from_the_future_counts_from_when_it_came(space: Space) -> None:
    told = [("crm", "2199-01-01T00:00:00Z", "gold"), ("app", (NOW - timedelta(hours=1)).isoformat(), "free")]
    for source, at, plan in told:
        row = {
            "kind": "profile",
            "occurred_at": at,
            "identifiers": {"user_id": "ada"},
            "properties": {"plan": plan},
        }
        hear(space, [row | {"text": None}], source)
    [plan] = [t for t in space.customer("ada").traits() if t["trait"] == "plan"]
    assert plan["at"] <= NOW and {c["value"] for c in plan["told"]} == {"gold", "free"}
