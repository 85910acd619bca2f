"""What is in hand with one customer: conversations, promises kept and broken, cases, what was sent, segments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allears.clock import SetClock
from allears.errors import NotAllowed
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLAYBOOK = """
name = "say-sorry"
says = "whoever rated us badly gets an apology"
goal = { measure = "later ratings" }
when = { on = "detractor answered" }
who = { are = "customer" }
holdout = 0
then = [ { do = "propose message", message = "sorry" }, { do = "open case", department = "service", priority = "P3", title = "look after them" } ]
"""


def said(
    number: int, text: str, hours: float, *, ours: bool = False, thread: str = "t1", **more: Any
) -> dict[str, Any]:
    return {
        "signal_id": f"m{number}", "text": text, "channel": "email", "thread": thread, "direction": "out" if ours else "in",
        "occurred_at": (NOW - timedelta(hours=hours)).isoformat(), "identifiers": {"email": "ada@example.com"},
    } | more  # fmt: skip


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        (opened.ground.folder / "playbooks").mkdir()
        (opened.ground.folder / "playbooks" / "say-sorry.toml").write_text(PLAYBOOK)
        opened.hear(
            [
                said(1, "My parcel never came, this is terrible", 100),
                said(2, "We will write to you within 24 hours.", 99, ours=True),
                said(3, "Here it is, as we said.", 90, ours=True),
                said(4, "Where is my refund?", 60, thread="t2"),
                said(5, "We will write to you within 24 hours.", 59, ours=True, thread="t2"),
                said(6, "And now?", 2, thread="t2"),
                said(7, "", 1, thread="t3", rating=1, rating_scale="csat-1-5", channel="survey"),
                said(8, "Somebody else", 1, thread="t9", identifiers={"email": "bo@example.com"}),
            ],
            source="desk",
        )
        opened.digest(look=False)
        opened.react(NOW - timedelta(days=9))
        yield opened


def test_what_is_in_hand_is_told_together(space: Space) -> None:
    found = space.customer("ada@example.com").dealings()
    [waiting] = [c for c in found["conversations"] if c["theirs"] == 2]
    assert (waiting["ours"], waiting["last_word"]) == (1, "theirs")
    assert [p["state"] for p in found["promises"]] == ["broken", "kept"]
    assert [c["title"] for c in found["cases"]] == ["look after them"]
    assert [(s["what"], s["name"], s["state"]) for s in found["sent"]] == [("message", "sorry", "proposed")]
    assert found["segments"] == []


def test_a_conversation_holds_what_was_said_in_it_and_nothing_of_others(space: Space) -> None:
    ada = space.customer("ada@example.com")
    threads = {c["thread"] for c in ada.dealings()["conversations"]}
    texts = [row["text"] for t in threads for row in ada.conversation(t).to_pylist()]
    assert len(threads) == 3 and "And now?" in texts and "Somebody else" not in texts
    [theirs] = [c["thread"] for c in space.customer("bo@example.com").dealings()["conversations"]]
    assert ada.conversation(theirs).num_rows == 0


def test_of_whose_data_is_restricted_nothing_is_told(space: Space) -> None:
    ada = space.customer("ada@example.com")
    space.restrict("ada@example.com", why="accuracy is disputed")
    for ask in (ada.dealings, lambda: ada.conversation("t1")):
        with pytest.raises(NotAllowed):
            ask()
