"""What leaves as a file of rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.web.world import make_space

from allears.space import Space


def test_issues_leave_as_csv_with_their_facets(tmp_path: Path) -> None:
    make_space(tmp_path / "shop")
    with Space.open(tmp_path / "shop", create=False) as space:
        space.export("issues", tmp_path / "issues.csv", "csv")
    with (tmp_path / "issues.csv").open(newline="", encoding="utf-8") as file:
        told = {row["id"]: row["facets"] for row in csv.DictReader(file)}
    assert json.loads(told["i-own"])["partner"] == "Postwing"
    assert not json.loads(told["i-other"] or "{}").get("partner")


def test_cases_that_are_about_nobody_leave_while_somebody_is_left_out(tmp_path: Path) -> None:
    make_space(tmp_path / "shop")
    with Space.open(tmp_path / "shop", create=False) as space:
        space.restrict("u1", why="contests")
        assert space.export("cases", tmp_path / "cases.csv", "csv")[0] == len(space.cases()) > 0
        assert space.sql("SELECT count(*) AS n FROM cases").to_pylist() == [{"n": len(space.cases())}]
