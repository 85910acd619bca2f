"""What vendors send: every sample gives rows or a clear refusal, as a file and at its door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from allears.errors import Refused
from allears.space import Space

SAMPLES = 89


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "payloads").glob("*.json"))


@pytest.fixture(scope="module")
def taken(new_space: Callable[[], Space], samples: list[Path]) -> tuple[Space, dict[str, int]]:
    space, accepted = new_space(), {}
    for path in samples:
        try:
            receipt = space.listen(path, source=path.stem)
        except Refused as refused:
            assert str(refused)
            accepted[path.stem] = 0
        else:
            assert receipt.accepted + receipt.duplicates + receipt.refused > 0, path.stem
            assert all(reason["place"] and reason["reason"] for reason in receipt.reasons)
            accepted[path.stem] = receipt.accepted
    assert space.digest(look=False)["stored"] == sum(accepted.values())
    return space, accepted


def test_every_sample_gives_rows(taken: tuple[Space, dict[str, int]]) -> None:
    _, accepted = taken
    assert len(accepted) == SAMPLES
    assert [name for name, rows in accepted.items() if not rows] == []
    # Lists in one answer are rows of their own: a feed of 50 reviews, 98 comments, two timelines.
    assert sum(accepted.values()) >= 280


def test_what_people_said_is_found_in_every_vendors_shape(taken: tuple[Space, dict[str, int]]) -> None:
    space, _ = taken
    said = {
        one["vendor"]: one["n"]
        for one in space.sql(
            "SELECT split_part(source, '-', 1) AS vendor, count(text) AS n FROM signals WHERE kind = 'feedback' GROUP BY 1"
        ).to_pylist()
    }
    for vendor in [
        "appstore",
        "bluesky",
        "chatwoot",
        "facebook",
        "google",
        "googleplay",
        "instagram",
        "intercom",
        "mastodon",
        "reddit",
        "slack",
        "twilio",
        "typeform",
        "whatsapp",
        "x",
        "youtube",
        "zendesk",
    ]:
        assert said.get(vendor, 0) > 0, vendor


def test_stars_are_ratings(taken: tuple[Space, dict[str, int]]) -> None:
    space, _ = taken
    rows = space.sql(
        "SELECT rating_scale, count(*) AS n, min(rating) AS low, max(rating) AS high FROM signals WHERE channel = 'review' GROUP BY 1"
    ).to_pylist()
    [stars] = [one for one in rows if one["rating_scale"] == "stars-1-5"]
    assert stars["n"] >= 53
    assert 0 <= stars["low"] <= stars["high"] <= 1


def test_what_a_sender_knows_of_a_customer_is_not_something_said(taken: tuple[Space, dict[str, int]]) -> None:
    space, _ = taken
    rows = space.sql(
        "SELECT count(*) AS n, count(text) AS texts FROM signals WHERE source LIKE 'segment%'"
    ).to_pylist()
    assert rows == [{"n": 6, "texts": 0}]


def test_what_an_agent_wrote_goes_out(taken: tuple[Space, dict[str, int]]) -> None:
    space, _ = taken
    rows = space.sql(
        "SELECT DISTINCT direction FROM signals WHERE source LIKE 'intercom-conversation-admin%'"
    ).to_pylist()
    assert rows == [{"direction": "out"}]


def test_every_sample_comes_through_its_door(new_space: Callable[[], Space], samples: list[Path]) -> None:
    space, accepted = new_space(), 0
    for path in samples:
        door = "segment" if path.name.startswith("segment") else "rows"
        receipt = space.take(door, path.read_bytes(), source=path.stem)
        assert receipt.accepted > 0, path.stem
        accepted += receipt.accepted
    done = space.digest(look=False)
    assert done["refused"] == 0
    assert done["stored"] + done["duplicates"] >= SAMPLES
    kinds = space.sql(
        "SELECT kind, count(*) AS n FROM signals WHERE source LIKE 'segment%' GROUP BY 1"
    ).to_pylist()
    assert {one["kind"] for one in kinds} == {"event", "profile"}


def test_one_source_for_all_samples_loses_only_what_shares_an_id(
    new_space: Callable[[], Space], samples: list[Path]
) -> None:
    # Samples of one SDK reuse the ids of its other samples; the account around a message is not its id.
    space = new_space()
    found = {path.stem: space.listen(path, source="all").accepted for path in samples}
    assert sum(found.values()) >= 250
    lost = [name for name, rows in found.items() if not rows]
    assert not [name for name in lost if name.startswith(("facebook", "instagram", "typeform"))]
    assert not [name for name in lost if "status" in name and name.startswith("whatsapp")]
