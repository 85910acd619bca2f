"""The list of acts by right is whole, or it is told: at opening, on the Privacy desk, when the audit is verified, at a restore."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from allears.clock import SetClock
from allears.errors import Refused
from allears.guard.erasures import Act, read_acts
from allears.journey.backup import backup
from allears.journey.ends import known_ends
from allears.journey.privacy import privacy
from allears.journey.restoring import restore
from allears.settings import DeskSettings, Settings, SpaceSettings
from allears.space import Space

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
WHO = [f"p{n}@example.com" for n in range(6)]


def filled(space: Space) -> Space:
    space.hear(
        [{"text": "Hello", "channel": "email", "identifiers": {"email": who}} for who in WHO], source="crm"
    )
    space.digest(look=False)
    return space


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "shop", clock=SetClock(NOW)) as made:
        yield filled(made)


def again(tmp_path: Path, name: str = "shop") -> Space:
    return Space.open(tmp_path / name, clock=SetClock(NOW), create=False)


def list_of(tmp_path: Path, name: str = "shop") -> Path:
    return tmp_path / name / "erasures.jsonl"


def acts(path: Path) -> list[Act]:
    return read_acts(path).acts


def act_four_times(space: Space) -> list[bytes]:
    space.hold(WHO[0], why="claim")
    space.erase(WHO[1])
    space.note_consent(WHO[2], "marketing", "refused", why="by phone")
    space.erase_all(WHO[3:5])
    return list_of(space.ground.folder.parent).read_bytes().splitlines(keepends=True)


def test_a_whole_list_is_said_to_be_whole(space: Space, tmp_path: Path) -> None:
    assert len(act_four_times(space)) == 5
    space.close()
    with again(tmp_path) as opened:
        assert opened.verify_acts() == ("", 5, 5, 0) and privacy(opened.ground)["cuts"] == []


@pytest.mark.parametrize("left", [0, 1, 4])
def test_an_end_that_is_missing_is_told_once_and_kept_in_the_audit(
    space: Space, tmp_path: Path, left: int
) -> None:
    lines = act_four_times(space)
    space.close()
    list_of(tmp_path).write_bytes(b"".join(lines[:left]))
    for _ in range(2):
        with again(tmp_path) as opened:
            assert opened.verify_acts() == ("", left, left, 1)
            [cut] = privacy(opened.ground)["cuts"]
            assert (cut["known"], cut["found"]) == (5, left) and opened.ground.audit.verify().ok
    with again(tmp_path) as opened:
        opened.hold(WHO[5], why="claim")
        assert opened.verify_acts() == ("", left + 1, left + 1, 1)


def test_an_end_cut_off_while_others_go_on_writing_is_told(space: Space, tmp_path: Path) -> None:
    lines = act_four_times(space)
    list_of(tmp_path).write_bytes(b"".join(lines[:3]))
    for who in (WHO[2], WHO[5], WHO[0]):  # now as long as before, and longer
        space.note_consent(who, "analytics", "refused", why="by phone")
    space.close()
    with again(tmp_path) as opened:
        assert opened.verify_acts() == ("", 6, 6, 1) and len(privacy(opened.ground)["cuts"]) == 1


def test_a_list_that_is_gone_or_elsewhere_is_told(space: Space, tmp_path: Path) -> None:
    act_four_times(space)
    space.close()
    list_of(tmp_path).rename(tmp_path / "kept.jsonl")
    with again(tmp_path) as opened:
        assert [cut["found"] for cut in privacy(opened.ground)["cuts"]] == [0]
        assert opened.verify_acts() == ("", 0, 0, 1)


def test_a_line_missing_within_is_refused_with_its_place(space: Space, tmp_path: Path) -> None:
    lines = act_four_times(space)
    space.close()
    list_of(tmp_path).write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(Refused, match="missing") as told:
        again(tmp_path)
    assert told.value.place == "list of acts by right: line 3"


def test_a_line_taken_out_while_the_space_is_open_is_found_by_verifying(space: Space, tmp_path: Path) -> None:
    lines = act_four_times(space)
    list_of(tmp_path).write_bytes(b"".join(lines[:2] + lines[3:]))
    assert "line 3" in space.verify_acts().wrong
    list_of(tmp_path).write_bytes(b"".join(lines[:4]))
    assert "end is missing" in space.verify_acts().wrong


def test_a_restore_refuses_a_list_that_ends_before_the_backup(space: Space, tmp_path: Path) -> None:
    key, path = space.ground.folder / "space.key", list_of(tmp_path)
    lines = act_four_times(space)
    backup(space.ground, tmp_path / "old.backup")
    space.erase(WHO[5])
    whole = acts(path)
    early = whole[:4]
    with pytest.raises(Refused, match="end is missing: the backup knows 5"):
        restore(tmp_path / "old.backup", tmp_path / "again", key, [early])
    assert not (tmp_path / "again").exists()
    with pytest.raises(Refused, match="missing before"):
        restore(tmp_path / "old.backup", tmp_path / "again", key, [whole[:2] + whole[3:]])
    # An older copy beside the whole list, and the same list twice, lack nothing.
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [early, whole, whole])
    assert (found.erased_again, found.lists_missing, found.lost) == (1, 0, ())
    with again(tmp_path, "again") as opened:
        assert opened.verify_acts() == ("", 6, 6, 0)
    assert list_of(tmp_path, "again").read_bytes().splitlines(keepends=True)[:5] == lines


def test_a_list_outside_that_was_lost_with_its_disk_is_told(tmp_path: Path) -> None:
    outside = tmp_path / "disk" / "acts.jsonl"
    outside.parent.mkdir()
    with Space.open(tmp_path / "shop", clock=SetClock(NOW)) as made:
        toml = made.ground.folder / "allears.toml"
        toml.write_text(toml.read_text() + f'\n[guard]\nerasures_file = "{outside}"\n')
    with again(tmp_path) as made:
        filled(made).hold(WHO[0], why="claim")
        made.erase(WHO[1])
        backup(made.ground, tmp_path / "old.backup")
        made.erase(WHO[2])
    key, kept = tmp_path / "shop" / "space.key", acts(outside)
    outside.unlink()
    with pytest.raises(Refused, match="end is missing"):
        restore(tmp_path / "old.backup", tmp_path / "again", key, [kept[:1]])
    assert not outside.exists()
    # A copy of the list takes the lost one's place, and nothing is missing then.
    assert restore(tmp_path / "old.backup", tmp_path / "again", key, [kept]).erased_again == 1
    with again(tmp_path, "again") as opened:
        assert opened.verify_acts() == ("", 3, 3, 0)
    outside.unlink()
    restore(tmp_path / "old.backup", tmp_path / "third", key, [])
    with again(tmp_path, "third") as opened:
        assert opened.verify_acts().cut == 1


def test_lines_of_before_are_followed_by_chained_ones(space: Space, tmp_path: Path) -> None:
    lines = act_four_times(space)
    space.close()
    bare = [msgspec.json.encode(replace(act, link=None)) + b"\n" for act in acts(list_of(tmp_path))]
    assert len(bare) == len(lines)
    list_of(tmp_path).write_bytes(b"".join(bare))
    with again(tmp_path) as opened:  # which knew of five chained lines
        assert opened.verify_acts() == ("", 5, 0, 1)
        opened.hold(WHO[5], why="claim")
        assert opened.verify_acts() == ("", 6, 1, 1)
    list_of(tmp_path).write_bytes(b"".join(list_of(tmp_path).read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(Refused, match="1 line is missing before this one"):
        again(tmp_path)


def test_two_spaces_do_not_share_a_list_and_are_told_why(space: Space, tmp_path: Path) -> None:
    space.hold(WHO[0], why="claim")
    shared = list_of(tmp_path)
    before = shared.read_bytes()
    with Space.open(tmp_path / "other", clock=SetClock(NOW)) as other:
        toml = other.ground.folder / "allears.toml"
        toml.write_text(toml.read_text() + f'\n[guard]\nerasures_file = "{shared}"\n')
    with pytest.raises(Refused, match=r"another space's.*\[guard\] erasures_file"):
        again(tmp_path, "other")
    assert shared.read_bytes() == before
    # Both began with an empty one: the second that has something to note is told, and does nothing.
    new = tmp_path / "new.jsonl"
    toml.write_text(toml.read_text().replace(str(shared), str(new)))
    with again(tmp_path, "other") as other:
        filled(other)
        toml = space.ground.folder / "allears.toml"
        space.close()
        shared.unlink()
        toml.write_text(toml.read_text() + f'\n[guard]\nerasures_file = "{new}"\n')
        with again(tmp_path) as one:
            one.hold(WHO[1], why="claim")
            with pytest.raises(Refused, match=r"another space's.*\[guard\] erasures_file"):
                other.hold(WHO[0], why="claim")
            assert other.holds() == [] and len(acts(new)) == 1
            with pytest.raises(Refused, match=r"another space's"):
                other.erase(WHO[0])
            assert other.customer(WHO[0]).id and len(acts(new)) == 1


DYING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from allears.clock import SetClock
from allears.journey import deeds, erasure
from allears.space import Space

def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)

deeds.know_written = erasure.know_written = die
with Space.open(Path(sys.argv[1]), clock=SetClock(datetime(2026, 7, 1, 12, tzinfo=UTC))) as space:
    getattr(space, sys.argv[2])("p0@example.com", why="asked")
"""


@pytest.mark.parametrize("deed", ["hold", "restrict", "erase"])
def test_killed_between_the_line_and_the_desk_the_act_is_done_and_nothing_is_missing(
    space: Space, tmp_path: Path, deed: str
) -> None:
    space.note_consent(WHO[1], "marketing", "refused", why="by phone")
    space.close()
    ran = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path / "shop"), deed], timeout=120, check=False
    )
    assert ran.returncode == -signal.SIGKILL
    with again(tmp_path) as opened:
        assert opened.verify_acts() == ("", 2, 2, 0)
        [end] = known_ends(opened.ground)
        assert end.number == 2
        if deed == "erase":
            assert opened.ground.graph.customer_of("email", WHO[0]) is None
        else:
            assert len(opened.holds() if deed == "hold" else opened.restrictions()) == 1


def test_two_machines_on_one_desk_have_a_list_each(databases: Callable[[], str], tmp_path: Path) -> None:
    settings = Settings(space=SpaceSettings(name="shop"), desk=DeskSettings(url=databases()))
    with Space.open(tmp_path / "shop", settings=settings, clock=SetClock(NOW)) as one:
        filled(one).hold(WHO[0], why="claim")
        one.hold(WHO[1], why="claim")
        # Another machine: its own folder, here with its own list beside it.
        toml = one.ground.folder / "allears.toml"
        text = toml.read_text()
        toml.write_text(text + '\n[guard]\nerasures_file = "second.jsonl"\n')
        with again(tmp_path) as two:
            two.hold(WHO[2], why="claim")
            assert two.verify_acts() == ("", 1, 1, 0)
            assert sorted(end.number for end in known_ends(two.ground)) == [1, 2]
        toml.write_text(text)
        assert one.verify_acts() == ("", 2, 2, 0)
        (tmp_path / "shop" / "second.jsonl").rename(tmp_path / "second.jsonl")
        backup(one.ground, tmp_path / "old.backup")
        key = one.ground.folder / "space.key"
        own, second = acts(list_of(tmp_path)), acts(tmp_path / "second.jsonl")
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [own])
    assert found.lists_missing == 1
    found = restore(tmp_path / "old.backup", tmp_path / "third", key, [own, second])
    assert found.lists_missing == 0 and found.lost == ()
