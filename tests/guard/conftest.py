"""A desk, a key and a vault to guard with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from allears.clock import SetClock
from allears.desk import Desk
from allears.guard.audit import Audit
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def key() -> SpaceKey:
    return SpaceKey(bytes(range(32)))


@pytest.fixture
def vault(desk: Desk, key: SpaceKey, clock: SetClock) -> Vault:
    return Vault(desk, key, "acme", clock)


@pytest.fixture
def audit(desk: Desk, vault: Vault, clock: SetClock) -> Audit:
    return Audit(desk, vault, clock)
