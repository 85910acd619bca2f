"""Segments of a space: counted as far as the purpose allows, and whoever enters or leaves sets playbooks off once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allears.clock import SetClock
from allears.errors import NotFound, Refused
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHATS = """
name = "chats"
says = "wrote by chat twice in ten days"
purpose = "{purpose}"
where = [ {{ about = "signals", channel = ["chat"], at_least = 2, within_days = 10 }} ]
"""
PLAYBOOK = """
name = "chat-{what}"
says = "somebody looks after them"
goal = { measure = "later ratings" }
when = { on = "segment {what}", segment = ["chats"] }
who = { are = "customer" }
holdout = 0
then = [ { do = "open case", department = "service", priority = "P3", title = "look after them" } ]
"""


class Shop:
    def __init__(self, space: Space, clock: SetClock) -> None:
        self.space, self.clock, self._sent = space, clock, 0

    def chat(self, who: str, times: int = 1, **more: Any) -> None:
        rows = []
        for _ in range(times):
            self._sent += 1
            rows.append(
                {
                    "signal_id": f"m{self._sent}", "channel": "chat", "text": "Hello there, where is my parcel?", "identifiers": {"email" if "@" in who else "user_id": who},
                    "occurred_at": (self.clock.now() - timedelta(minutes=1)).isoformat(),
                } | more
            )  # fmt: skip
        self.space.hear(rows, source="desk")
        self.space.digest(look=False)

    def define(self, purpose: str = "service", text: str = CHATS) -> None:
        folder = self.space.ground.folder / "segments"
        folder.mkdir(exist_ok=True)
        (folder / "chats.toml").write_text(text.format(purpose=purpose))

    def playbook(self, what: str) -> None:
        folder = self.space.ground.folder / "playbooks"
        folder.mkdir(exist_ok=True)
        (folder / f"chat-{what}.toml").write_text(PLAYBOOK.replace("{what}", what))

    def later(self, days: float) -> None:
        self.clock.advance(timedelta(days=days))

    def id_of(self, who: str) -> str:
        return str(self.space.customer(who).id)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    clock = SetClock(NOW)
    with Space.open(tmp_path / "acme", clock=clock) as space:
        yield Shop(space, clock)


def test_entering_and_leaving_set_playbooks_off_once(shop: Shop) -> None:
    shop.chat("ada", 2)
    shop.define()
    shop.playbook("entered")
    shop.playbook("left")
    # Who was in when the segment was made did nothing.
    assert shop.space.follow_segments() == 0
    assert shop.space.segment_members("chats") == [shop.id_of("ada")]
    shop.later(1)
    shop.chat("bo", 2)
    assert shop.space.follow_segments() == 1
    assert shop.space.follow_segments() == 0
    [move] = [m for m in shop.space.moves() if m["playbook"] == "chat-entered"]
    assert move["why"].endswith("segment entered and it was chats")
    shop.later(9.5)
    shop.chat("cy", 1)
    assert shop.space.follow_segments() == 1  # ada's two chats are too old now; bo's are not
    assert shop.space.segment_members("chats") == [shop.id_of("bo")]
    told = shop.space.segment("chats")["moments"]
    assert [(m["what"], m["customer"]) for m in told] == [
        ("left", shop.id_of("ada")),
        ("entered", shop.id_of("bo")),
    ]


def test_a_moment_that_was_written_but_not_told_is_told_later(shop: Shop) -> None:
    shop.chat("ada", 1)
    shop.define()
    shop.playbook("entered")
    shop.space.count_segments()
    shop.later(0.1)
    shop.chat("ada", 1)
    assert shop.space.count_segments()["chats"] == {"entered": 1, "left": 0}  # and then it stopped
    assert shop.space.follow_segments() == 1


def test_changed_conditions_set_nothing_off(shop: Shop) -> None:
    shop.chat("ada", 1)
    shop.define()
    shop.playbook("entered")
    shop.space.follow_segments()
    shop.define(text=CHATS.replace("at_least = 2", "at_least = 1"))
    shop.later(0.1)
    assert shop.space.follow_segments() == 0
    assert shop.space.segment_members("chats") == [shop.id_of("ada")]


def test_whom_the_purpose_leaves_out_is_in_no_segment_and_did_not_leave(shop: Shop) -> None:
    shop.chat("ada", 2)
    shop.chat("bo", 2)
    shop.define("analytics")
    shop.space.follow_segments()
    shop.later(0.1)
    shop.space.note_consent("ada", "analytics", "refused", why="by mail")
    shop.space.follow_segments()
    assert shop.space.segment_members("chats") == [shop.id_of("bo")]
    assert shop.space.segment("chats")["moments"] == []
    (shop.space.ground.folder / "purposes.toml").write_text("[analytics]\non = false\n")
    shop.later(0.1)
    shop.space.follow_segments()
    [row] = [s for s in shop.space.segments() if s["on"]]
    assert (row["customers"], row["left"], row["problem"]) == (0, 0, "analytics is switched off")


def test_joined_customers_are_counted_as_one(shop: Shop) -> None:
    shop.chat("ada", 1)
    shop.chat("bo@example.com", 1)
    shop.define()
    shop.space.count_segments()
    shop.later(0.1)
    act = shop.space.merge("ada", "bo@example.com", why="one person")["act"]
    assert shop.space.count_segments()["chats"] == {"entered": 1, "left": 0}
    shop.later(0.1)
    shop.space.unmerge(act)
    assert shop.space.count_segments()["chats"] == {"entered": 0, "left": 1}


def test_who_is_erased_is_in_no_segment(shop: Shop) -> None:
    shop.chat("ada", 2)
    shop.chat("bo", 2)
    shop.define()
    shop.space.count_segments()
    receipt = shop.space.erase("ada")
    assert receipt.removed["segment_stays"] == 1
    shop.later(0.1)
    assert shop.space.count_segments()["chats"] == {"entered": 0, "left": 0}
    assert shop.space.segment_members("chats") == [shop.id_of("bo")]


def test_a_wrong_file_is_named_and_hides_no_other(shop: Shop) -> None:
    shop.define()
    folder = shop.space.ground.folder / "segments"
    (folder / "wrong.toml").write_text(CHATS.format(purpose="spam"))
    (folder / "other.toml").write_text(CHATS.format(purpose="service"))
    assert [s["name"] for s in shop.space.segments() if s["on"]] == ["chats"]
    with pytest.raises(Refused, match=r"other\.toml"):
        shop.space.segment("other")
    said = {c["check"]: c for c in shop.space.check_rules()}
    assert not said["segments/wrong.toml"]["ok"] and "purpose" in said["segments/wrong.toml"]["says"]


def test_a_segment_is_switched_on_and_off(shop: Shop) -> None:
    shop.chat("ada", 2)
    path = shop.space.segment_on("gone-quiet")
    assert path.is_file() and shop.space.segment_on("gone-quiet") == path
    shop.space.count_segments()
    shop.space.segment_off("gone-quiet")
    assert not path.exists()
    assert all(not s["on"] for s in shop.space.segments())
    with pytest.raises(NotFound):
        shop.space.segment_on("../allears")


def test_a_rehearsal_counts_who_entered(shop: Shop) -> None:
    shop.define()
    shop.space.count_segments()
    shop.later(0.1)
    shop.chat("ada", 2)
    shop.space.count_segments()
    shop.playbook("entered")
    shop.later(0.1)
    shop.chat("cy", 1)
    assert shop.space.rehearse("chat-entered")["answered"] == 1
