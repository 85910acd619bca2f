"""A space of each released version opens, is brought up to date, and still knows, hides and proves what it did."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from scripts.fixture_space import PASSWORD

from allears.errors import NotFound
from allears.guard.access import Principal, Role
from allears.space import Space

SPACES = sorted((Path(__file__).parent.parent / "spaces").glob("*.tar.gz"))


@pytest.fixture(params=SPACES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "space"


def test_fixtures_are_small_and_there_is_one() -> None:
    assert SPACES and all(path.stat().st_size < 200_000 for path in SPACES)


def test_what_an_earlier_version_left_is_there_and_goes_on(space: Path) -> None:
    with Space.open(space, create=False) as opened:
        assert opened.digest(look=False)["stored"] == 1  # what it had acknowledged and not digested
        status = opened.status()
        assert (status["stored"], status["pending"], status["refused"]) == (21, 0, 1)
        person = opened.customer("u-0")
        timeline = person.timeline()
        assert timeline.num_rows == 9  # two who turned out to be one, and what waited
        assert "My parcel never came, call <PHONE_1>" in timeline["text"].to_pylist()
        ids = timeline["signal_id"].to_pylist()
        originals = person.originals(Principal("user:ana", Role.PRIVACY), "the fixture", ids)
        assert any("+44 20 7946 0958" in str(told) for told in originals.values())
        with pytest.raises(NotFound):
            opened.customer("person3@example.com")
        assert opened.verify_audit().ok
        assert opened.logins.check("ana", PASSWORD).role is Role.ANALYST
        assert (
            opened.hear([{"signal_id": "m1", "text": "Wonderful, thank you"}], source="helpdesk").accepted
            == 1
        )
        assert opened.digest(look=False)["stored"] in (0, 1)  # its id is forgotten after `dedup_days`


def test_a_space_without_its_key_stays_shut(space: Path, tmp_path: Path) -> None:
    shutil.move(space / "space.key", tmp_path / "elsewhere")
    with pytest.raises(NotFound, match="key"):
        Space.open(space, create=False)
