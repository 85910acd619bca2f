from __future__ import annotations

from datetime import UTC, datetime

import pytest

from allears.listen import Context

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def context() -> Context:
    return Context("shop", None, NOW)
