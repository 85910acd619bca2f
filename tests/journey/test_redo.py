"""What was done by right after a backup holds in what is restored from it: once, in order, and what cannot be done again is told."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from allears.clock import SetClock
from allears.desk.consent import ConsentWord
from allears.desk.rights import DoneErasure, Hold, Restriction
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.erasures import Act, Erasure, Noted, read_acts
from allears.journey import holds, redo, requests, restricting
from allears.journey.backup import backup
from allears.journey.privacy import privacy
from allears.journey.restoring import restore
from allears.know.profile import Profiles
from allears.settings import DeskSettings, Settings, SpaceSettings
from allears.space import Space

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ADA, BO, CY, DI, EVE = (f"{who}@example.com" for who in ("ada", "bo", "cy", "di", "eve"))
NAMES = {ADA: "Ada Lovelace", BO: "Bo Derek", CY: "Cy Twombly", DI: "Di Prima", EVE: "Eve Arden"}


def tell(space: Space, signal_id: str, who: str, name: str, **more: str) -> None:
    row = {"signal_id": signal_id, "text": "Hello", "channel": "email", "personal": {"name": name}}
    space.hear([row | {"identifiers": {"email": who} | more}], source="crm")
    space.digest(look=False)


def name_of(space: Space, who: str) -> list[str]:
    ground = space.ground
    known = Profiles(ground.desk, ground.vault.seal, ground.vault.open).of(space.customer(who).id)
    return known.get("name", [])


def listed(space: Space) -> list[Act]:
    return read_acts(space.ground.folder / "erasures.jsonl").acts


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def space(tmp_path: Path, clock: SetClock) -> Iterator[Space]:
    with Space.open(tmp_path / "shop", clock=clock) as space:
        for n, (who, name) in enumerate(NAMES.items()):
            tell(space, f"m{n}", who, name)
        yield space


def act_by_right(space: Space, clock: SetClock) -> None:
    """Restrict Ada, take Bo's objection, hold Cy, correct Di, erase Eve."""
    clock.advance(timedelta(hours=1))
    space.restrict(ADA, why="contests it")
    space.note_consent(BO, "analytics", "refused", why="by phone")
    space.hold(CY, why="claim 12")
    space.rectify(DI, "name", wrong="Di Prima", right="Diane di Prima", why="showed a passport")
    space.erase(EVE)


def all_hold(again: Space) -> None:
    assert again.customer(BO).id in again.ground.gate.bounds("analytics").keys.to_pylist()
    assert who_is(again, ADA) in again.ground.gate.restricted("service")
    with pytest.raises(NotAllowed, match="hold"):
        again.erase(CY)
    assert name_of(again, DI) == ["Diane di Prima"]
    tell(again, "late", DI, "Di Prima")
    assert name_of(again, DI) == ["Diane di Prima"]
    with pytest.raises(NotFound):
        again.customer(EVE)


def counted(space: Space) -> list[int]:
    with space.ground.desk.reading() as session:
        tables = (Restriction, Hold, ConsentWord, DoneErasure)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_what_came_after_the_backup_holds_in_what_is_restored_and_once(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    act_by_right(space, clock)
    acts = listed(space)
    assert [type(act) for act in acts] == [Noted, Noted, Noted, Noted, Erasure]
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [acts])
    assert (found.erased_again, found.done_again, found.lost, found.signals) == (1, 4, (), 5)
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert counted(again) == [1, 1, 1, 5]
        all_hold(again)
        assert again.ground.audit.verify().ok and privacy(again.ground)["lost"] == []
        assert [e.action for e in again.ground.audit.entries()].count("redo") == 4
        # A backup of what was restored knows all of it: nothing is done twice.
        backup(again.ground, tmp_path / "new.backup")
    found = restore(tmp_path / "new.backup", tmp_path / "third", key, [acts])
    assert (found.erased_again, found.done_again, found.lost) == (0, 0, ())
    with Space.open(tmp_path / "third", clock=clock, create=False) as third:
        assert counted(third)[:2] == [1, 1] and len(listed(third)) == len(acts)


def test_what_was_lifted_and_ended_since_does_not_come_back(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    key = space.ground.folder / "space.key"
    before = space.restrict(BO, why="contests it")
    backup(space.ground, tmp_path / "old.backup")
    clock.advance(timedelta(hours=1))
    after, held = space.restrict(ADA, why="contests it"), space.hold(CY, why="claim 12")
    for one in (before, after):
        space.lift(one, told="by letter")
    space.release(held)
    space.note_consent(DI, "marketing", "given", why="at the desk")
    space.note_consent(DI, "marketing", "withdrawn", why="by phone", at=clock.now())
    restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)])
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert again.restrictions() == [] and again.holds() == []
        assert again.customer(ADA).timeline().num_rows == again.customer(BO).timeline().num_rows == 1
        assert again.ground.gate.held("marketing", [again.customer(DI).id]) == [
            "withdrew consent to marketing"
        ]


def test_who_became_one_after_the_backup_is_reached_as_the_two_they_were(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    clock.advance(timedelta(hours=1))
    space.merge(ADA, BO, why="called back")
    space.restrict(ADA, why="contests it")
    space.merge(CY, DI, why="called back")
    space.rectify(CY, "name", wrong="Di Prima", right="Cy Twombly", why="showed a passport")
    restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)])
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert {who_is(again, ADA), who_is(again, BO)} <= again.ground.gate.restricted("service")
        # Taken for one at the time: what was wrong goes from both.
        assert {*name_of(again, DI), *name_of(again, CY)} == {"Cy Twombly"}


def test_a_wrong_identifier_parts_again(space: Space, clock: SetClock, tmp_path: Path) -> None:
    key = space.ground.folder / "space.key"
    tell(space, "w1", ADA, NAMES[ADA], user_id="u1")
    backup(space.ground, tmp_path / "old.backup")
    clock.advance(timedelta(hours=1))
    space.rectify(ADA, "user_id", wrong="u1", why="is her brother's")
    restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)])
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert again.customer("u1").id != again.customer(ADA).id


def test_what_cannot_be_done_again_is_told_and_stays_visible(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    clock.advance(timedelta(hours=1))
    tell(space, "n1", "new@example.com", "New Comer")
    space.rectify("new@example.com", "name", wrong="New Comer", right="Newt Comer", why="showed a passport")
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)])
    assert [lost.what for lost in found.lost] == ["correction"] and found.done_again == 0
    assert "knows nobody" in found.lost[0].why and "Comer" not in repr(found)
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        [told] = privacy(again.ground)["lost"]
        assert (told["what"], told["at"]) == ("correction", clock.now())
        assert redo.pending(again.ground) == []


def test_the_list_shows_nothing_of_a_person_and_a_destroyed_key_takes_the_value_from_it(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    act_by_right(space, clock)
    space.rectify(BO, "name", wrong="Bo Derek", right="Bo Diddley", why="canarywhy")
    text = (space.ground.folder / "erasures.jsonl").read_bytes()
    digests = [d for who in (ADA, BO, CY, DI) for d in space.ground.graph.digests_of(who_is(space, who))]
    assert len(digests) == 4
    for trace in (*(d.encode() for d in digests), b"canarywhy", b"Diddley", b"Prima", b"analytics", b"claim"):
        assert trace not in text
    assert (space.ground.folder / "erasures.jsonl").stat().st_mode & 0o077 == 0


def who_is(space: Space, who: str) -> str:
    found = space.ground.graph.customer_of("email", who)
    assert found is not None
    return found


@pytest.mark.parametrize("how", ["changed", "cut", "another space's", "no act"])
def test_a_damaged_list_says_so_and_nothing_is_restored(
    space: Space, clock: SetClock, tmp_path: Path, how: str
) -> None:
    key, path = space.ground.folder / "space.key", space.ground.folder / "erasures.jsonl"
    backup(space.ground, tmp_path / "old.backup")
    act_by_right(space, clock)
    if how == "another space's":
        with Space.open(tmp_path / "other", clock=clock) as other:
            tell(other, "x", ADA, "Ada")
            other.hold(ADA, why="claim")
            path.write_bytes((other.ground.folder / "erasures.jsonl").read_bytes())
    else:
        lines = path.read_bytes().splitlines(keepends=True)
        first = lines[0]
        at = first.index(b'"sealed":"') + 30
        lines[0] = {
            "changed": first[:at] + (b"A" if first[at : at + 1] != b"A" else b"B") + first[at + 1 :],
            "cut": first[:at] + b"}\n",
            "no act": b"[1]\n",
        }[how]
        path.write_bytes(b"".join(lines))
    with pytest.raises(Refused, match=r"act"):
        restore(tmp_path / "old.backup", tmp_path / "again", key, [read_acts(path).acts])
    assert not (tmp_path / "again").exists() and not list(tmp_path.glob(".again*"))


def test_a_list_of_an_earlier_build_is_still_read(space: Space, clock: SetClock, tmp_path: Path) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    eve = who_is(space, EVE)
    di, at = who_is(space, DI), (NOW + timedelta(hours=1)).isoformat()
    digests = space.ground.graph.digests_of(di)
    lines = (
        f'{{"at":"{at}","customer":"{eve}","subjects":["{eve}"],"why":"asked"}}\n'
        f'{{"at":"{at}","customer":"{di}","subjects":["{di}"],"why":"asked","id":"e1","actor":"user:pia","digests":["{digests[0]}"]}}\n'
    )
    (tmp_path / "list.jsonl").write_text(lines)
    acts = read_acts(tmp_path / "list.jsonl").acts
    with pytest.raises(Refused, match=r"bears no seal.*--unsealed"):
        restore(tmp_path / "old.backup", tmp_path / "again", key, [acts])
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [acts], unsealed=True)
    assert found.erased_again == 2
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert [type(act) for act in listed(again)] == [Erasure] * 2


@pytest.mark.parametrize("how", ["forged", "changed", "another space's", "another's name"])
def test_nobody_is_erased_by_who_can_write_to_the_list(
    space: Space, clock: SetClock, tmp_path: Path, how: str
) -> None:
    """Not by opening the space, not by a restore, whatever is said about old lists."""
    key, path = space.ground.folder / "space.key", space.ground.folder / "erasures.jsonl"
    cy, at = who_is(space, CY), clock.now().isoformat()
    backup(space.ground, tmp_path / "old.backup")
    space.hold(CY, why="court")
    line = f'{{"at":"{at}","customer":"{cy}","subjects":["{cy}"],"why":"x","id":"eaaaaaaaaaaaaaaaa","actor":"the dpo"}}\n'
    if how != "forged":
        with Space.open(tmp_path / "other", clock=clock) as other:
            one = other if how == "another space's" else space
            tell(one, "x", EVE, "Eve")
            one.erase(EVE)
            line = (one.ground.folder / "erasures.jsonl").read_text().splitlines()[-1] + "\n"
        if how == "changed":
            line = line.replace(msgspec.json.decode(line)["customer"], cy)
        if how == "another's name":
            line = line.replace(msgspec.json.decode(line)["actor"], "the dpo")
        line = line.replace(msgspec.json.decode(line)["id"], "e" + "a" * 16)
    space.close()
    with path.open("a") as file:
        file.write(line)
    with pytest.raises(Refused, match=r"seal|changed|another space"):
        Space.open(tmp_path / "shop", clock=clock)
    acts = read_acts(path).acts
    with pytest.raises(Refused, match=r"seal|changed|another space"):
        restore(tmp_path / "old.backup", tmp_path / "again", key, [acts], unsealed=how != "forged")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with Space.open(tmp_path / "shop", clock=clock) as again:
        assert name_of(again, CY) == [NAMES[CY]]


def test_lists_that_say_an_act_twice_do_it_once(space: Space, clock: SetClock, tmp_path: Path) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    act_by_right(space, clock)
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)] * 2)
    assert (found.erased_again, found.done_again, found.lost) == (1, 4, ())


def test_who_did_it_cannot_be_changed_on_the_list(space: Space, clock: SetClock, tmp_path: Path) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    space.hold(CY, why="court")
    [held] = listed(space)
    with pytest.raises(Refused, match="changed"):
        restore(
            tmp_path / "old.backup", tmp_path / "again", key, [[replace(held, actor="the dpo", link=None)]]
        )


def test_what_staff_write_keeps_no_name_that_the_space_knows(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    tell(space, "q", "q@example.com", "Quirin Zephyrwald")
    ground, who = space.ground, "q@example.com"
    request = requests.receive(ground, who, "restriction", actor="x", note="Quirin Zephyrwald disputes it")
    requests.check_identity(ground, request, "passport of Quirin Zephyrwald seen", actor="x")
    restriction = restricting.restrict_asker(ground, request, actor="x", why="Zephyrwald disputes the bill")
    restricting.lift(ground, restriction, told="by mail to Quirin Zephyrwald", actor="x")
    held = holds.put_hold(ground, who_is(space, who), why="Zephyrwald v. Shop", actor="x")
    holds.end_hold(ground, held, actor="x", why="Zephyrwald settled")
    space.note_consent(who, "analytics", "refused", why="Quirin Zephyrwald rang up")
    receipt = space.erase(who, why="Quirin Zephyrwald asked to be gone")
    assert "Zephyrwald" not in receipt.why and "asked to be gone" in receipt.why
    space.close()
    for path in (p for p in (tmp_path / "shop").rglob("*") if p.is_file()):
        assert b"Zephyrwald" not in path.read_bytes(), path.name


def test_a_copy_of_an_old_folder_takes_what_came_later_from_the_list_outside(
    tmp_path: Path, clock: SetClock
) -> None:
    with Space.open(tmp_path / "shop", clock=clock) as space:
        toml = space.ground.folder / "allears.toml"
        toml.write_text(toml.read_text() + f'\n[guard]\nerasures_file = "{tmp_path / "outside.jsonl"}"\n')
    with Space.open(tmp_path / "shop", clock=clock) as space:
        for n, (who, name) in enumerate(NAMES.items()):
            tell(space, f"m{n}", who, name)
    shutil.copytree(tmp_path / "shop", tmp_path / "monday")
    with Space.open(tmp_path / "shop", clock=clock) as space:
        act_by_right(space, clock)
    with Space.open(tmp_path / "monday", clock=clock) as old:
        all_hold(old)


def test_a_word_that_a_signal_brought_after_the_backup_is_kept_too(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    clock.advance(timedelta(hours=1))
    row = {"kind": "event", "name": "consent update", "channel": "web", "identifiers": {"email": BO}}
    space.hear([row | {"properties": {"consent": {"analytics_storage": "denied"}}}], source="web")
    space.digest(look=False)
    restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)])
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert again.ground.gate.held("analytics", [who_is(again, BO)]) == ["objected to analytics"]


def test_on_postgresql_too(databases: Callable[[], str], tmp_path: Path, clock: SetClock) -> None:
    settings = Settings(space=SpaceSettings(name="shop"), desk=DeskSettings(url=databases()))
    with Space.open(tmp_path / "shop", settings=settings, clock=clock) as space:
        for n, (who, name) in enumerate(NAMES.items()):
            tell(space, f"m{n}", who, name)
        key = space.ground.folder / "space.key"
        backup(space.ground, tmp_path / "old.backup")
        act_by_right(space, clock)
        assert redo.pending(space.ground) == []
        found = restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)], desk=databases())
    assert (found.erased_again, found.done_again, found.lost) == (1, 4, ())
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        assert counted(again) == [1, 1, 1, 5]
        all_hold(again)


DYING = """
import os, signal, sys
from pathlib import Path
from allears.guard.erasures import read_acts
from allears.journey import redo
from allears.journey.restoring import restore

home, after = Path(sys.argv[1]), int(sys.argv[2])
real = redo._again

def dying(*args):
    global after
    after -= 1
    if after < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)

redo._again = dying
restore(home / "old.backup", home / "again", home / "shop" / "space.key", [read_acts(home / "shop" / "erasures.jsonl").acts])
"""


def test_a_restore_killed_half_way_leaves_no_space_and_can_be_repeated(
    space: Space, clock: SetClock, tmp_path: Path
) -> None:
    backup(space.ground, tmp_path / "old.backup")
    act_by_right(space, clock)
    ran = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), "2"], timeout=120, check=False)
    assert ran.returncode == -signal.SIGKILL and not (tmp_path / "again").exists()
    found = restore(
        tmp_path / "old.backup", tmp_path / "again", space.ground.folder / "space.key", [listed(space)]
    )
    assert (found.erased_again, found.done_again, found.lost) == (1, 4, ())
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        all_hold(again)


def test_a_lake_that_cannot_be_read_is_told_and_nothing_is_restored(space: Space, tmp_path: Path) -> None:
    """The sums agree: the files were unreadable when the backup was made."""
    folder = space.ground.folder / "lake" / "signals"
    data = next(folder.glob("*/*.parquet"))
    data.write_bytes(b"PAR1" + bytes(len(data.read_bytes()) - 4))
    backup(space.ground, tmp_path / "bad.backup")
    with pytest.raises(Refused, match="cannot be read"):
        restore(tmp_path / "bad.backup", tmp_path / "again", space.ground.folder / "space.key", [])
    assert not (tmp_path / "again").exists()


def ask_by_right(space: Space, clock: SetClock) -> None:
    """Ask for five things after the backup, and settle some of them; one was asked for before it."""
    clock.advance(timedelta(days=1))
    [before] = [one["request"] for one in space.requests()]
    space.check_asker(before, "showed a passport")
    slow = space.request(
        ADA, "access", via="letter", note="all of it", received_at=clock.now() - timedelta(days=9)
    )
    clock.advance(timedelta(days=2))
    space.check_asker(slow, "called back")
    space.extend_request(slow, why="many letters")
    no, gone = space.request(BO, "objection"), space.request(EVE, "erasure")
    space.close_request(no, "not the person", refused=True)
    space.check_asker(gone, "by telephone")
    space.erase(EVE)
    stop = space.request(CY, "restriction")
    space.check_asker(stop, "by telephone")
    space.restrict_asker(stop)
    space.request(DI, "rectification", note="the name is wrong")


@pytest.mark.parametrize("desk", ["sqlite", "postgresql"])
def test_requests_after_the_backup_are_there_with_their_clocks(
    space: Space, clock: SetClock, tmp_path: Path, desk: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("databases")() if desk == "postgresql" else None
    key = space.ground.folder / "space.key"
    space.request(BO, "access", via="mail")
    backup(space.ground, tmp_path / "old.backup")
    ask_by_right(space, clock)
    told = space.requests(closed=True)
    assert [one["state"] for one in told].count("open") == 3
    clock.advance(timedelta(days=20))
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [listed(space)], desk=url)
    assert (found.erased_again, found.lost) == (1, ())
    with Space.open(tmp_path / "again", clock=clock, create=False) as again:
        after = again.requests(closed=True)
        # An erasure closes its request when it is carried out, which is now.
        for one, other in zip(told, after, strict=True):
            days = {"days_left"} | ({"closed_at"} if one["outcome"] == "erased" else set())
            assert {k: v for k, v in one.items() if k not in days} == {
                k: v for k, v in other.items() if k not in days
            }
        assert after == [
            one | {"closed_at": other["closed_at"]}
            for one, other in zip(space.requests(closed=True), after, strict=True)
        ]
        slow = next(one for one in after if one["extended"])
        assert (slow["due_at"] - slow["received_at"]).days in (90, 91, 92)
        backup(again.ground, tmp_path / "new.backup")
    if url is None:
        restore(tmp_path / "new.backup", tmp_path / "third", key, [listed(space)])
        with Space.open(tmp_path / "third", clock=clock, create=False) as third:
            assert third.requests(closed=True) == after


def test_what_a_request_says_stands_sealed_on_the_list(space: Space, tmp_path: Path) -> None:
    made = space.request(ADA, "access", via="by pigeon", note="the blue parcel")
    space.check_asker(made, "knew the colour")
    space.close_request(made, "handed over")
    text = (space.ground.folder / "erasures.jsonl").read_bytes()
    for word in (b"pigeon", b"parcel", b"colour", b"handed", ADA.encode(), made.encode()):
        assert word not in text
