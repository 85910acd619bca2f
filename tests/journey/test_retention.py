"""Retention: told first, then done; what went is in no file, what is held stays, and a crash changes nothing of the end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text
from tests.journey.content import holders

from allears.clock import SetClock
from allears.desk.work import Delivery, IssueSignal
from allears.errors import NotAllowed, Refused
from allears.guard.receipt import verify_receipt
from allears.journey import retention
from allears.space import Space

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PERIODS = """
[[keep]]
what = "signals"
days = 300
[[keep]]
what = "texts"
days = 100
[[keep]]
what = "texts"
source = "court"
[[keep]]
what = "originals"
days = 50
[[keep]]
what = "refused"
days = 40
[[keep]]
what = "deliveries"
days = 40
"""
AGES = (10, 60, 120, 400)


def fill(folder: Path) -> None:
    clock = SetClock(NOW - 45 * DAY)
    with Space.open(folder, clock=clock) as space:
        space.take("signals", b'[{"text": 5, "identifiers": {"user_id": "canary-refused"}}]', source="mail")
        with space.ground.desk.session() as session:
            session.add(_delivery("old", "sent"))
            session.add(_delivery("waiting", "waiting"))
            for age in AGES:
                session.execute(
                    text(
                        "INSERT OR IGNORE INTO issues (id, title, kind, topics, facets, terms, exemplars, detected_at, signals, customers, score, factors, state, renamed, assigned) VALUES ('i1','t','issue','[]','{}','[]','[]','2026-01-01',0,0,0,'{}','open',0,0)"
                    )
                )
                session.add(IssueSignal(issue="i1", signal_id=f"mail:mail{age}", customer="someone"))
    clock = SetClock(NOW)
    with Space.open(folder, clock=clock) as space:
        for source in ("mail", "court"):
            space.hear(
                [
                    {
                        "signal_id": f"{source}{age}",
                        "text": f"canaryword{source}{age} and my phone is 020 7946 0{age:03}",
                        "rating": 4,
                        "rating_scale": "stars-1-5",
                        "occurred_at": (NOW - age * DAY).isoformat(),
                        "identifiers": {"email": f"u{age}@example.com"},
                        "properties": {"note": f"canarynote{source}{age}"},
                    }
                    for age in AGES
                ],
                source=source,
                channel="email",
            )
        space.digest(look=False)
    (folder / "retention.toml").write_text(PERIODS)


def _delivery(name: str, state: str) -> Delivery:
    at = NOW - 45 * DAY
    return Delivery(
        event_id=name,
        destination="d",
        event_type="t",
        payload="canarypayload" + name,
        state=state,
        put_at=at,
        next_at=at,
    )


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space", clock=SetClock(NOW)) as opened:
        opened.add_destination("d", "https://example.com/", kind="webhook")
    fill(tmp_path / "space")
    with Space.open(tmp_path / "space", clock=SetClock(NOW)) as opened:
        yield opened


def rows(space: Space) -> dict[str, tuple[bool, bool, bool]]:
    """Tell of each stored signal whether it has words, its original, its rating."""
    found = space.ground.engine.query("SELECT signal_id, text, sealed, rating FROM signals").to_pylist()
    return {
        r["signal_id"].partition(":")[2]: tuple(r[c] is not None for c in ("text", "sealed", "rating"))
        for r in found
    }  # type: ignore[misc]


def test_what_is_told_is_what_goes_and_each_class_goes_as_far_as_it_says(space: Space) -> None:
    told = space.due()
    before = rows(space)
    assert {(r["what"], r["source"], r["n"]) for r in told if r["what"] == "signals"} == {
        ("signals", "mail", 1),
        ("signals", "court", 1),
    }
    assert rows(space) == before
    receipt = space.retire()
    assert receipt.removed == told and receipt.total == {
        "signals": 2, "texts": 1, "originals": 3, "refused": 1, "deliveries": 1,
    }  # fmt: skip
    assert rows(space) == {
        "mail10": (True, True, True),
        "mail60": (True, False, True),
        "mail120": (False, False, True),
        "court10": (True, True, True),
        "court60": (True, False, True),
        "court120": (True, False, True),
    }
    assert space.due() == [] and space.retire().removed == []


def test_what_went_is_in_no_file(space: Space, tmp_path: Path) -> None:
    ground = space.ground
    sealed = ground.engine.query("SELECT signal_id, sealed FROM signals").to_pylist()
    ciphers = {r["signal_id"].partition(":")[2]: r["sealed"] for r in sealed}
    folder = tmp_path / "space"
    gone = [b"canarywordmail400", b"canarywordmail120", b"canarynotemail120", b"canarypayloadold"]
    gone += [ciphers[name].hex().encode() for name in ("mail60", "mail120", "court120", "court400")]
    with ground.desk.reading() as session:
        refused = session.execute(text("SELECT payload FROM refused")).scalar_one()
    assert all(holders(folder, canary) for canary in (*gone, refused))  # the search finds what is there
    space.retire()
    assert [canary for canary in (*gone, refused) if holders(folder, canary)] == []
    stays = (
        b"canarywordmail60",
        b"canarynotecourt120",
        b"canarypayloadwaiting",
        ciphers["mail10"].hex().encode(),
    )
    assert all(holders(folder, canary) for canary in stays)


def test_the_receipt_is_signed_and_the_run_is_in_the_audit(space: Space) -> None:
    receipt = space.retire()
    key = space.ground.audit.signer.public
    assert verify_receipt(receipt.json(), key).receipt == "retention"
    with pytest.raises(Refused):
        verify_receipt(msgspec.structs.replace(receipt, total={}).json(), key)
    done, began = space.ground.audit.entries(2)
    assert (began.action, began.detail["signals"]) == ("retention", 2)
    assert (done.number, done.action) == (receipt.audit_number, "retention.done")
    assert space.ground.audit.verify().ok


def test_issues_forget_whose_signals_went(space: Space) -> None:
    space.retire()
    with space.ground.desk.reading() as session:
        found = {row.signal_id: row.customer for row in session.scalars(select(IssueSignal))}
    assert found == {
        "mail:mail10": "someone",
        "mail:mail60": "someone",
        "mail:mail120": "someone",
        "mail:mail400": None,
    }


def test_what_is_held_stays_until_the_hold_ends(space: Space) -> None:
    hold = space.hold("u400@example.com", why="a dispute")
    assert "signals" not in space.retire().total
    assert {"mail400", "court400"} <= rows(space).keys()
    with pytest.raises(NotAllowed, match=hold):
        space.erase("u400@example.com")
    space.release(hold)
    assert space.retire().total == {"signals": 2}
    assert space.erase("u400@example.com").subjects


def test_a_hold_follows_its_person_through_merging_and_parting(space: Space) -> None:
    space.hold("u400@example.com", why="a dispute")
    one = space.customer("u400@example.com").id
    act = space.merge("u400@example.com", "u120@example.com", why="same")
    assert [set(h["customers"]) for h in space.holds()] == [{space.customer("u120@example.com").id}]
    assert "texts" not in {
        r["what"] for r in space.due()
    }  # the other's words are held as well, while they are one
    space.unmerge(act["act"])
    assert space.holds()[0]["customers"] == [one]
    assert {r["what"] for r in space.due() if r["source"] == "mail"} == {"texts", "originals", "refused"}


def test_figures_of_the_past_stay_when_their_signals_went(space: Space) -> None:
    def stars() -> list[dict[str, Any]]:
        return space.experience(every="month").to_pylist()

    (space.ground.folder / "retention.toml").write_text('[[keep]]\nwhat = "signals"\ndays = 100')
    before = stars()
    assert [r["n"] for r in before if r["name"] == "stars" and r["time"].month == 2] == [2]
    receipt = space.retire()
    assert receipt.total == {"signals": 4} and receipt.periods_kept
    assert stars() == before
    space.hear([{"text": "late", "occurred_at": (NOW - DAY).isoformat()}], source="mail")
    space.digest(look=False)
    assert len(stars()) >= len(before)


def test_signals_may_not_go_before_their_ids_are_forgotten(space: Space) -> None:
    (space.ground.folder / "retention.toml").write_text('[[keep]]\nwhat = "signals"\ndays = 29')
    with pytest.raises(Refused, match="dedup_days"):
        space.retire()


def test_the_days_work_lets_go_and_without_periods_keeps(space: Space) -> None:
    assert "retention: 8 rows went" in list(space.daily())
    (space.ground.folder / "retention.toml").unlink()
    space.ground.rules.clear()
    assert not retention.in_force(space.ground) and not any("retention" in s for s in space.daily())


def test_while_others_read_files_wait_an_hour_and_then_go(space: Space, tmp_path: Path) -> None:
    receipt = retention.retire(space.ground, actor="t")
    assert receipt.files_wait and holders(tmp_path / "space", b"canarywordmail400")
    space.tidy()
    assert holders(tmp_path / "space", b"canarywordmail400")
    space.tidy(now=True)  # what an hour does
    assert not holders(tmp_path / "space", b"canarywordmail400")


DYING = """
import os, signal, sys
from datetime import datetime, UTC
from allears.clock import SetClock
from allears.journey import retention
from allears.lake import Store
from allears.space import Space

def die(folder, place, skip):
    owner = retention if place.startswith("_") else Store
    real = getattr(owner, place)
    def dying(*args, **named):
        nonlocal skip
        done = real(*args, **named)
        skip -= 1
        if skip < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(owner, place, dying)
    with Space.open(folder, clock=SetClock(datetime(2026, 7, 1, 12, tzinfo=UTC))) as space:
        space.retire()

for folder, place, skip in zip(*[iter(sys.argv[1:])] * 3):
    child = os.fork()  # before anything is opened: starting Python anew each time takes longer than the rest
    if not child:
        die(folder, place, int(skip))
        os._exit(0)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""
DEATHS = (("delete", 0), ("empty", 0), ("empty", 1), ("_desk", 0), ("vacuum", 0))


def test_killed_anywhere_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    with Space.open(tmp_path / "first", clock=SetClock(NOW)) as space:
        space.add_destination("d", "https://example.com/", kind="webhook")
    fill(tmp_path / "first")
    folders = {(place, skip): tmp_path / f"{place}{skip}" for place, skip in DEATHS}
    for folder in folders.values():
        shutil.copytree(tmp_path / "first", folder)
    given = [str(one) for (place, skip), folder in folders.items() for one in (folder, place, skip)]
    ran = subprocess.run([sys.executable, "-c", DYING, *given], timeout=240, check=True, capture_output=True)
    assert ran.stdout.split() == [b"%d" % signal.SIGKILL] * len(DEATHS)
    for place, folder in folders.items():
        with Space.open(folder, clock=SetClock(NOW)) as space:
            space.retire()
            assert space.due() == [] and len(rows(space)) == 6, place
            assert space.ground.audit.verify().ok
        for canary in (b"canarywordmail400", b"canarywordmail120", b"canarypayloadold"):
            assert not holders(folder, canary), place


def test_while_the_digest_works_nothing_fails_and_nothing_is_lost(space: Space) -> None:
    def listen(batch: int) -> None:
        days = range(0, 140, 20)
        space.hear(
            [
                {
                    "signal_id": f"new{batch}-{age}",
                    "text": "new",
                    "occurred_at": (NOW - age * DAY).isoformat(),
                }
                for age in days
            ],
            source="mail",
        )
        space.digest(look=False)
        space.tidy()

    with ThreadPoolExecutor(1) as beside:
        digested = [beside.submit(listen, batch) for batch in range(12)]
        while not all(done.done() for done in digested):
            retention.retire(space.ground, actor="t")
        for done in digested:
            done.result()
    assert len([name for name in rows(space) if name.startswith("new")]) == 12 * 7
    assert space.status()["duplicates"] == 0
