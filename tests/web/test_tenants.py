"""Two tenants in one PostgreSQL: nothing of the one is in any answer to the other, and nothing of theirs opens."""

from __future__ import annotations

from pathlib import Path

from bench.tenants import cross


def test_two_tenants_in_one_postgresql_do_not_see_each_other(postgres: str, tmp_path: Path) -> None:
    tried = cross(postgres, tmp_path, roles=["privacy"])
    assert tried.failures == []
    assert tried.cases > 150
