from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from allears.space import Space

COMMENTS = [
    {"id": str(i), "comment": f"The parcel came {i} days late", "created_at": "2026-06-01T10:00:00Z"}
    for i in range(3)
]


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space") as opened:
        yield opened


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"reviews": COMMENTS}, indent=2),
        json.dumps(COMMENTS),
        json.dumps(COMMENTS, indent=2),
        "\n".join(map(json.dumps, COMMENTS)),
    ],
    ids=["an envelope over several lines", "a list", "a list over several lines", "one a line"],
)
def test_the_first_body_of_a_source_may_have_any_form(body: str, space: Space) -> None:
    assert space.take("rows", body.encode(), source="shop").accepted
    assert space.digest(look=False)["stored"] == 3
    assert space.sql("SELECT count(text) AS n FROM signals").to_pylist() == [{"n": 3}]


def test_a_young_space_has_a_pulse(space: Space) -> None:
    space.hear([{"text": "My parcel never came", "identifiers": {"user_id": "u1"}}], source="mail")
    space.digest(look=False)
    seen = space.pulse()
    assert (seen["trust"], seen["open_issues"]) == ({}, 0)
