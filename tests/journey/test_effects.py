"""Who met an issue, and who only complained about it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allears.clock import SetClock
from allears.journey import effects
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_those_who_complain_after_the_fix_did_not_meet_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Space.open(tmp_path / "shop", clock=SetClock(NOW)) as space:
        space.hear(
            [
                {
                    "signal_id": name, "text": "I cannot log in", "channel": "social",
                    "occurred_at": (NOW - timedelta(hours=hours)).isoformat(), "identifiers": {"handle": name},
                }
                for name, hours in (("before", 5), ("after", 1))
            ],
            source="posts",
        )  # fmt: skip
        space.digest(look=False)
        ids = space.ground.engine.query("SELECT signal_id FROM signals")["signal_id"].to_pylist()
        monkeypatch.setattr(effects.issue_desk, "signals_of", lambda desk, issue: ids)
        issue = {"id": "i", "facets": {}, "first_signal_at": NOW - timedelta(hours=6)}
        met = effects.exposed_to(space.ground, space.permit("analytics"), issue, NOW - timedelta(hours=3))
        assert len(ids) == 2 and list(met.values()) == [NOW - timedelta(hours=5)]
