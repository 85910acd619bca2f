"""People speak, are erased whole or in part, held, come back, while the process dies and old backups are restored: a plain list is the truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from allears.clock import SetClock
from allears.errors import NotAllowed, NotFound
from allears.guard.erasures import Scope, read_acts
from allears.guard.receipt import verify_receipt
from allears.journey import erasure, redo
from allears.journey.backup import backup
from allears.journey.restoring import restore
from allears.space import Space

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PEOPLE = ("ada", "bo")
WHO = st.sampled_from(PEOPLE)
CHANNEL = st.sampled_from(["chat", "email"])
Said = dict[str, tuple[str, str, int]]
"""By text: who said it, by which channel, on which day."""


class Stop(BaseException):
    """The process ends here."""


class Erasures(RuleBasedStateMachine):
    """The space, and beside it what everybody said and may still be read."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.home = Path(self._folder.name)
        self.spaces = 0
        self.space = self._open(self.home / "space0")
        self.said: Said = {}
        self.stored = 0
        self.n = 0
        self.held: dict[str, str] = {}
        self.kept: tuple[Path, Said, int] | None = None
        for person in PEOPLE:
            self.say(person, "chat", 0, True)

    def _open(self, folder: Path) -> Space:
        return Space.open(folder, clock=SetClock(NOW))

    def _known(self, person: str) -> bool:
        return any(who == person for who, _, _ in self.said.values())

    @rule(who=WHO, channel=CHANNEL, day=st.integers(0, 3), digest=st.booleans())
    def say(self, who: str, channel: str, day: int, digest: bool) -> None:
        self.n += 1
        text = f"word{self.n}x is all there is to it"
        told = {
            "id": f"m{self.n}", "text": text, "channel": channel, "occurred_at": (NOW - timedelta(days=day)).isoformat(),
            "identifiers": {"email": f"{who}@example.com"} | ({"user_id": f"{who}-12345"} if self.n % 2 else {}),
        }  # fmt: skip
        self.space.hear([told], source="desk")
        self.said[text] = (who, channel, day)
        self.stored += 1
        if digest:
            self.space.digest(look=False)

    @rule(who=WHO, channel=st.none() | CHANNEL, day=st.none() | st.integers(0, 3))
    def erase(self, who: str, channel: str | None, day: int | None) -> None:
        until = NOW - timedelta(days=day) + timedelta(hours=1) if day is not None else None
        scope = Scope(channel, None, until) if channel or until else None
        try:
            receipt = self.space.erase(f"{who}@example.com", scope=scope)
        except NotFound:
            assert not self._known(who)
            return
        except NotAllowed:
            assert who in self.held
            return
        assert who not in self.held
        assert verify_receipt(receipt.json(), self.space.ground.audit.signer.public)
        going = {
            text
            for text, (person, by, on) in self.said.items()
            if person == who and channel in (None, by) and (day is None or on >= day)
        }
        assert receipt.removed["signals"] == len(going)
        for text in going:
            del self.said[text]

    @precondition(lambda self: not self.held)
    @rule(who=WHO, where=st.sampled_from(["blank_refused", "erase", "_done"]))
    def die_while_erasing(self, who: str, where: str) -> None:
        if not self._known(who):
            return
        with patch.object(erasure, where, side_effect=Stop), pytest.raises(Stop):
            self.space.erase_all([f"{who}@example.com"])
        folder = self.space.ground.folder
        self.space.close()
        self.space = self._open(folder)
        self.said = {text: told for text, told in self.said.items() if told[0] != who}

    @rule(who=WHO)
    def hold(self, who: str) -> None:
        self.space.digest(look=False)
        if who not in self.held and self._known(who):
            self.held[who] = self.space.hold(f"{who}@example.com", why="a dispute")
        elif who in self.held:
            self.space.release(self.held.pop(who))

    @precondition(lambda self: not self.held)
    @rule()
    def keep(self) -> None:
        self.n += 1
        file = self.home / f"{self.n}.backup"
        backup(self.space.ground, file)
        self.kept = (file, dict(self.said), self.stored)

    @precondition(lambda self: self.kept is not None and not self.held)
    @rule()
    def come_back(self) -> None:
        """The disk is lost: an old backup and the list of erasures are all there is."""
        assert self.kept is not None
        file, said, self.stored = self.kept
        folder = self.space.ground.folder
        listed = read_acts(folder / "erasures.jsonl").acts
        self.space.close()
        self.spaces += 1
        new = self.home / f"space{self.spaces}"
        restore(file, new, folder / "space.key", [listed])
        self.space = self._open(new)
        # Whatever was said before and may not be read any more is not there; nothing else is lost.
        self.said = {text: told for text, told in said.items() if text in self.said}
        self.kept = None

    @invariant()
    def what_may_be_read_is_there_and_nothing_else(self) -> None:
        self.space.digest(look=False)
        rows = self.space.ground.engine.query(
            "SELECT text, sealed IS NOT NULL AS sealed FROM signals"
        ).to_pylist()
        assert len(rows) == self.stored
        assert {r["text"] for r in rows if r["text"]} == set(self.said)
        assert sum(r["sealed"] for r in rows) == len(self.said)
        for person in PEOPLE:
            mine = {text for text, (who, _, _) in self.said.items() if who == person}
            try:
                found = self.space.customer(f"{person}@example.com").timeline()["text"].to_pylist()
            except NotFound:
                found = []
            assert set(found) == mine
        assert self.space.ground.audit.verify().ok and redo.pending(self.space.ground) == []

    def teardown(self) -> None:
        self.space.close()
        self._folder.cleanup()


TestErasures = Erasures.TestCase
TestErasures.settings = settings(max_examples=4, stateful_step_count=7, deadline=None, derandomize=True)
