"""kill -9 of the real servers under load, at random moments: what was acknowledged is what is stored, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.chaos import run

ROUNDS = 20


@pytest.mark.slow
def test_kill_minus_nine_loses_no_acknowledged_signal_and_doubles_none(tmp_path: Path) -> None:
    found = run(tmp_path / "space", rounds=ROUNDS, seed=7)
    assert len(found.acknowledged) > 1000
    assert not found.missing, "an acknowledged signal is missing"
    assert not found.foreign, "a signal nobody sent"
    assert not found.doubled, "a signal was stored twice"
    assert found.pending == 0
