"""Erasure: what went is in no file and leads nowhere, counts stay true, others keep theirs, and a crash changes nothing of the end."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from tests.journey.content import holders

from allears.act.recipients import ERASED
from allears.clock import SetClock
from allears.desk.listening import RefusedRow
from allears.desk.work import Delivery, Move
from allears.errors import NotAllowed, NotFound, NotReady, Refused
from allears.guard.access import Principal, Role
from allears.guard.chain import note_acts
from allears.guard.erasures import Scope, read_acts
from allears.guard.receipt import kept, verify_receipt
from allears.journey import erasure, redo
from allears.journey.backup import backup
from allears.journey.ends import chain_key
from allears.journey.many import people_in_table
from allears.journey.questions import find_each
from allears.journey.restoring import restore
from allears.lake import Store
from allears.space import Space

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ADA, BO = "canary.ada@example.com", "bo@example.com"
OFFICER = Principal("user:pia", Role.PRIVACY)
FIGURES = """SELECT count(*) AS n, count(DISTINCT customer_key) AS people, avg(rating) AS rating, avg(sentiment) AS mood,
                    count(*) FILTER (WHERE kind = 'feedback') AS said, channel, day FROM signals GROUP BY ALL ORDER BY ALL"""


def row(n: int, who: dict[str, str], channel: str, at: datetime, text: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{n}", "identifiers": who, "channel": channel, "occurred_at": at.isoformat(), "text": text, "thread": f"t{n // 4}",
    } | more  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Write what two people said by two channels over ten days; they share a tablet."""
    ada, bo = {"email": ADA, "user_id": "canaryada1"}, {"email": BO, "user_id": "bo22222"}
    told: list[dict[str, Any]] = []
    for n in range(10):
        at = NOW - timedelta(days=n, hours=1)
        channel = "chat" if n % 2 else "email"
        told.append(
            row(
                4 * n,
                ada,
                channel,
                at,
                f"canarysaid{n} it never came, canarysecret{n}@example.com",
                rating=2,
                rating_scale="stars-1-5",
            )
        )
        told.append(row(4 * n + 1, bo, channel, at, f"bosaid{n} all is well", properties={"shop": "north"}))
    told.append(
        row(90, bo | {"device": "tablet-of-the-family"}, "app", NOW - timedelta(days=3), "bo on the tablet")
    )
    told.append(
        row(
            91,
            ada | {"device": "tablet-of-the-family"},
            "app",
            NOW - timedelta(days=12),
            "canarytablet",
            properties={"note": "canaryprop"},
        )
    )
    return told


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space", clock=SetClock(NOW)) as opened:
        assert opened.hear(rows(), source="desk").refused == 0
        opened.digest(look=False)
        yield opened


def again(space: Space) -> Space:
    folder = space.ground.folder
    space.close()
    return Space.open(folder, clock=SetClock(NOW), create=False)


def texts(space: Space, who: str) -> set[str | None]:
    return set(space.customer(who).timeline()["text"].to_pylist())


def test_who_was_erased_is_in_no_list_of_customers_and_still_counts_in_figures(space: Space) -> None:
    people = "SELECT count(DISTINCT customer_key) AS n FROM signals"
    bo, before = space.customer(BO).id, space.sql(people).to_pylist()
    assert {c["customer"] for c in space.customers()} == {space.customer(ADA).id, bo}
    space.erase(ADA)
    assert [c["customer"] for c in space.customers()] == [bo] and space.customers(search=ADA) == []
    assert [c["customer"] for c in space.customers(limit=1)] == [bo]
    assert people_in_table(space.ground, "signals") == 1
    assert space.sql(people).to_pylist() == before


def test_what_somebody_said_is_in_no_file_and_all_counts_stay(space: Space) -> None:
    folder = space.ground.folder
    before = space.sql(FIGURES)
    sealed = space.ground.engine.query("SELECT sealed FROM signals WHERE starts_with(text, 'canary')")
    digests = space.ground.graph.digests_of(space.customer(ADA).id)
    traces = [b"canarysaid", b"canarytablet", b"canaryprop"]
    traces += [one.hex().encode() for one in sealed["sealed"].to_pylist()]
    assert len(traces) > 10 and all(holders(folder, trace) for trace in (*traces, digests[0].encode()))
    receipt = space.erase(ADA)
    assert receipt.removed["signals"] == 11 and receipt.removed["identifiers"] >= 2
    assert [t for t in traces if holders(folder, t)] == []
    # The list alone may still hold keyed digests: it is what a restored backup forgets by.
    assert {Path(p).name for d in digests for p in holders(folder, d.encode())} <= {"erasures.jsonl"}
    assert space.sql(FIGURES) == before
    assert verify_receipt(receipt.json(), space.ground.audit.signer.public).receipt == "erasure"


def test_who_comes_back_is_new(space: Space) -> None:
    space.erase(ADA)
    space.hear([row(200, {"email": ADA}, "chat", NOW, "hello again")], source="desk")
    space.digest(look=False)
    assert texts(space, ADA) == {"hello again"}
    request = space.request(ADA, "access")
    space.check_asker(request, "called back")
    assert space.access(request, space.ground.folder / "out.age").signals == 1


@pytest.mark.parametrize("scope", [None, Scope("email")])
def test_a_later_edit_of_what_was_erased_brings_no_words_back(space: Space, scope: Scope | None) -> None:
    space.erase(ADA, scope=scope)
    figures = space.sql(FIGURES)
    edit = {
        "id": "s0", "identifiers": {"email": ADA}, "channel": "email", "text": "canaryedited",
        "edited_at": (NOW - timedelta(minutes=1)).isoformat(),
    }  # fmt: skip
    for _ in range(2):
        assert space.hear([edit], source="desk").refused == 0
        space.digest(look=False)
        assert holders(space.ground.folder, b"canaryedited") == []
        assert space.sql(FIGURES) == figures


def test_somebody_else_loses_nothing_but_the_shared_device(space: Space) -> None:
    before = space.customer(BO).timeline()
    ids = before["signal_id"].to_pylist()
    space.erase(ADA)
    assert space.customer(BO).timeline() == before
    opened = space.customer(BO).originals(OFFICER, "checking", ids)
    assert len(opened) == 11 and all(opened.values())
    tablet = space.ground.engine.query("SELECT identifiers FROM signals WHERE text = 'bo on the tablet'")
    assert {i["type"] for i in tablet["identifiers"].to_pylist()[0]} >= {"email", "user_id"}


def test_a_part_goes_by_channel_and_by_time_and_the_rest_stays(space: Space) -> None:
    before = space.sql(FIGURES)
    receipt = space.erase(ADA, scope=Scope("chat"))
    assert (receipt.removed["signals"], receipt.keys_destroyed, receipt.scope) == (5, 0, Scope("chat"))
    left = space.customer(ADA).timeline()
    assert set(left["channel"].to_pylist()) == {"email", "app"} and left.num_rows == 6
    assert all(space.customer(ADA).originals(OFFICER, "checking", left["signal_id"].to_pylist()).values())
    since, until = NOW - timedelta(days=5), NOW - timedelta(days=1)
    assert space.erase(ADA, scope=Scope(since=since, until=until)).removed["signals"] == 2
    assert {str(t)[:11] for t in texts(space, ADA)} == {
        "canarytable",
        "canarysaid0",
        "canarysaid6",
        "canarysaid8",
    }
    after = space.sql(FIGURES)
    assert after.drop_columns("people") == before.drop_columns("people")
    assert space.erase(ADA, scope=Scope("chat")).removed["signals"] == 0
    for n in (1, 3, 5, 7, 9, 2, 4):
        assert not holders(space.ground.folder, f"canarysaid{n}".encode()), n
    assert texts(space, BO) and space.ground.audit.verify().ok
    assert space.erase(ADA).removed["signals"] == 4


def test_a_scope_must_say_something_that_can_be() -> None:
    for scope in ({}, {"since": NOW, "until": NOW}, {"since": NOW.replace(tzinfo=None)}):
        with pytest.raises(Refused):
            Scope(**scope)  # type: ignore[arg-type]


def test_what_is_held_stays_whole_or_in_part(space: Space) -> None:
    hold = space.hold(ADA, why="a dispute")
    for scope in (None, Scope("chat")):
        with pytest.raises(NotAllowed):
            space.erase(ADA, scope=scope)
    done = space.erase_all([ADA, BO, "nobody@example.com"])
    assert (len(done.receipts), done.unknown) == (1, 1) and done.held == [space.customer(ADA).id]
    assert len(texts(space, ADA)) == 11
    space.release(hold)
    assert space.erase(ADA).removed["signals"] == 11


def test_refused_rows_that_name_somebody_are_emptied_and_others_stay(space: Space) -> None:
    bad = [
        {"text": "canaryrefused", "identifiers": {"email": ADA}, "occurred_at": "never"},
        {"text": "canaryrefused", "identifiers": {"userId": "canaryada1"}, "occurred_at": "never"},
        {"text": "canarystays", "identifiers": {"email": BO}, "occurred_at": "never"},
        {"text": "canarystays", "identifiers": {"email": "canary.ada@example.comm"}, "occurred_at": "never"},
    ]
    assert space.hear(bad, source="desk").refused == 4
    space.erase(ADA)
    with space.ground.desk.reading() as session:
        kept = list(session.scalars(select(RefusedRow)))
    opened = [space.ground.vault.open_space(r.payload, "refused", r.refused) for r in kept]
    assert sorted(b"canaryrefused" in o for o in opened) == [False] * 4
    assert sum(b"canarystays" in o for o in opened) == 2 and len(kept) == 4
    assert space.replay().accepted == 0
    assert sum(g["n"] for g in space.refused_groups()) == 4


def test_recipients_are_told_and_what_waits_is_taken_back(space: Space) -> None:
    for name in ("crm", "mailer", "other"):
        space.add_destination(name, "https://example.com/", kind="webhook")
    ada, bo = space.customer(ADA).id, space.customer(BO).id
    outbox = space.outbox
    with space.ground.desk.session() as session:
        for customer, decision in ((ada, "d1aa"), (bo, "d2bb"), (ada, "d3cc")):
            session.add(
                Move(
                    id=decision,
                    decision=decision,
                    playbook="p",
                    customer=customer,
                    action="message",
                    state="sent",
                    at=NOW,
                    due_at=NOW,
                )
            )
    for event, where in (
        ("msg_d1aa_0_x", "crm"),
        ("msg_d2bb_0_x", "other"),
        ("msg_d3cc_0_x", "mailer"),
        ("msg_d3cc_1_x", "crm"),
    ):
        outbox.put("moves.proposed", {"moves": 1}, [where], event_id=event)
    with space.ground.desk.session() as session:
        for delivery in session.scalars(
            select(Delivery).where(Delivery.event_id.in_(["msg_d1aa_0_x", "msg_d2bb_0_x"]))
        ):
            delivery.state, delivery.sent_at = "sent", NOW
    receipt = space.erase(ADA)
    assert (receipt.removed["recipients"], receipt.removed["deliveries"]) == (1, 2)
    with space.ground.desk.reading() as session:
        left = list(session.scalars(select(Delivery).order_by(Delivery.id)))
    assert [(d.event_id, d.destination) for d in left[:2]] == [
        ("msg_d1aa_0_x", "crm"),
        ("msg_d2bb_0_x", "other"),
    ]
    [notice] = left[2:]
    told = json.loads(outbox.body(notice.event_id, "crm", notice.payload))["data"]
    assert (notice.event_type, notice.destination, notice.state) == (ERASED, "crm", "waiting")
    assert (told["id"], told["what"], told["events"]) == (ada, "all", ["msg_d1aa_0_x"])
    assert space.erase(BO).removed["recipients"] == 1


def test_what_waits_in_the_inbox_is_erased_too(space: Space) -> None:
    space.hear([row(300, {"email": ADA}, "chat", NOW, "canarylate")], source="desk")
    assert space.erase(ADA).removed["signals"] == 12
    space.digest(look=False)
    with pytest.raises(NotFound):
        space.customer(ADA)
    space.hear([row(301, {"email": BO}, "chat", NOW, "late")], source="desk")
    with pytest.raises(NotReady):
        erasure.await_digest(space.ground, seconds=0.2)


class Stop(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("where", ["noted", "lake", "refused", "desk"])
def test_whoever_opens_a_space_finishes_what_was_cut_off(
    space: Space, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Stop

    with monkeypatch.context() as patched, pytest.raises(Stop):
        if where == "lake":
            patched.setattr(erasure, "blank_refused", stop)
        elif where == "refused":
            patched.setattr(erasure, "erase", stop)
        elif where == "noted":
            patched.setattr(Store, "amend", stop)
        else:
            patched.setattr(erasure, "_done", stop)  # inside the desk's transaction
        space.erase_all([ADA, BO])
    with again(space) as opened:
        for who in (ADA, BO):
            with pytest.raises(NotFound):
                opened.customer(who)
        assert opened.ground.engine.query(
            "SELECT count(*) AS n FROM signals WHERE text IS NOT NULL OR sealed IS NOT NULL"
        )["n"].to_pylist() == [0]
        assert [e.action for e in opened.ground.audit.entries(10)].count("erase") == 2
        assert opened.ground.audit.verify().ok and redo.pending(opened.ground) == []
    assert holders(space.ground.folder, b"canarysaid") == []


DYING = """
import os, signal, sys
from datetime import UTC, datetime
from allears.clock import SetClock
from allears.journey import erasure
from allears.lake import Store
from allears.space import Space

erasure.LOT = 6

def die(folder, owner, name, skip):
    real = getattr(owner, name)
    def dying(*args, **named):
        nonlocal skip
        done = real(*args, **named)
        skip -= 1
        if skip < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(owner, name, dying)
    with Space.open(folder, clock=SetClock(datetime(2026, 7, 1, 12, tzinfo=UTC))) as space:
        space.erase_all([f"p{n}@example.com" for n in range(18)])

for folder, name, skip in zip(*[iter(sys.argv[1:])] * 3):
    child = os.fork()  # before anything is opened: starting Python anew each time takes longer than the rest
    if not child:
        die(folder, Store if name == "amend" else erasure, name, int(skip))
        os._exit(0)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""
DEATHS = (("note_acts", 0), ("amend", 0), ("erase", 1))


def test_killed_among_many_nobody_is_half_erased_and_running_it_again_ends_it(tmp_path: Path) -> None:
    told = [
        row(10 * n + k, {"email": f"p{n}@example.com"}, "chat", NOW - timedelta(days=k), f"said{n}")
        for n in range(22)
        for k in range(2)
    ]
    with Space.open(tmp_path / "first", clock=SetClock(NOW)) as space:
        space.hear(told, source="desk")
        space.digest(look=False)
    folders = {death: tmp_path / f"{death[0]}{death[1]}" for death in DEATHS}
    for folder in folders.values():
        shutil.copytree(tmp_path / "first", folder)
    given = [str(one) for (name, skip), folder in folders.items() for one in (folder, name, skip)]
    ran = subprocess.run([sys.executable, "-c", DYING, *given], timeout=240, check=True, capture_output=True)
    assert ran.stdout.split() == [b"%d" % signal.SIGKILL] * len(DEATHS)
    for death, folder in folders.items():
        with Space.open(folder, clock=SetClock(NOW)) as space:
            left = space.sql("SELECT text FROM signals WHERE text IS NOT NULL")["text"].to_pylist()
            assert sorted(left) == sorted(f"said{n}" for n in range(18, 22) for _ in range(2)), death
            assert space.sql("SELECT count(*) AS n FROM signals")["n"].to_pylist() == [44]
            found = find_each(space.ground.graph, [f"p{n}@example.com" for n in range(22)])
            assert [n for n, customer in enumerate(found) if customer] == list(range(18, 22)), death
            receipts = [r["about"] for r in kept(space.ground.desk, 1000)]
            assert len(receipts) == len(set(receipts)) == 18
            done = space.erase_all([f"p{n}@example.com" for n in range(18)])
            assert (done.receipts, done.unknown) == ([], 18) and space.ground.audit.verify().ok


def test_a_line_cut_in_two_by_a_crash_is_passed_over_and_takes_no_other_along(space: Space) -> None:
    path = space.ground.folder / "erasures.jsonl"
    space.erase(BO)
    whole = read_acts(path).acts
    path.write_bytes(path.read_bytes() + b'{"at":"2026-07-01T12:0')
    assert read_acts(path).acts == whole
    note_acts(path, whole, chain_key(space.ground))
    assert [replace(act, link=None) for act in read_acts(path).acts] == [
        replace(act, link=None) for act in whole * 2
    ]
    path.write_bytes(b'{"at":1}\n')
    with pytest.raises(Refused, match="line 1"):
        read_acts(path)


def test_a_backup_older_than_an_erasure_forgets_again_before_it_answers(space: Space, tmp_path: Path) -> None:
    """Waiting signals, parts, and identifiers that were somebody else's at the time, included."""
    space.hear([row(300, {"email": ADA}, "chat", NOW, "canarywaits")], source="desk")
    key = space.ground.folder / "space.key"
    backup(space.ground, tmp_path / "old.backup")
    space.digest(look=False)
    space.erase(BO, scope=Scope("chat"))
    space.hear([row(301, {"email": ADA, "phone": "+12025550143"}, "chat", NOW, "later")], source="desk")
    space.erase(ADA)
    listed = read_acts(space.ground.folder / "erasures.jsonl").acts
    found = restore(tmp_path / "old.backup", tmp_path / "again", key, [listed])
    assert found.erased_again == 2
    with Space.open(tmp_path / "again", clock=SetClock(NOW), create=False) as opened:
        with pytest.raises(NotFound):
            opened.customer(ADA)
        assert "chat" not in opened.customer(BO).timeline()["channel"].to_pylist()
        assert opened.customer(BO).timeline().num_rows == 6
        opened.digest(look=False)
        with pytest.raises(NotFound):
            opened.customer(ADA)
        again = read_acts(tmp_path / "again" / "erasures.jsonl").acts
        assert [replace(act, link=None) for act in again] == [replace(act, link=None) for act in listed]
    for trace in (b"canarysaid", b"canarytablet"):
        assert not holders(tmp_path / "again", trace)
    assert restore(tmp_path / "old.backup", tmp_path / "third", key, []).erased_again == 0


def test_a_copy_of_an_old_folder_forgets_by_the_list_outside(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.jsonl"
    with Space.open(tmp_path / "space", clock=SetClock(NOW)) as space:
        toml = space.ground.folder / "allears.toml"
        toml.write_text(toml.read_text() + f'\n[guard]\nerasures_file = "{outside}"\n')
    with Space.open(tmp_path / "space", clock=SetClock(NOW)) as space:
        space.hear(rows(), source="desk")
        space.digest(look=False)
    shutil.copytree(tmp_path / "space", tmp_path / "snapshot")
    with Space.open(tmp_path / "space", clock=SetClock(NOW)) as space:
        space.erase(ADA)
    with Space.open(tmp_path / "snapshot", clock=SetClock(NOW)) as old:
        with pytest.raises(NotFound):
            old.customer(ADA)
        assert old.customer(BO).timeline().num_rows == 11
