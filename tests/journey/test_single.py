"""Erased for one purpose: what is held for it alone is in no store, and all that serves anything else is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.journey.content import holders

from allears.act.recipients import ERASED
from allears.clock import SetClock
from allears.desk.asking import Invitation
from allears.desk.listening import RefusedRow
from allears.desk.segments import SegmentStay
from allears.desk.work import Delivery, Move
from allears.errors import NotAllowed, Refused
from allears.guard.erasures import Scope, read_acts
from allears.guard.purpose import read_purposes
from allears.guard.receipt import verify_receipt
from allears.journey.backup import backup
from allears.journey.register import register
from allears.journey.restoring import restore
from allears.settings import DeskSettings, Settings, SpaceSettings
from allears.space import Space

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ADA, BO = "ada@example.com", "bo@example.com"
SEGMENT = 'name = "{name}"\nsays = "wrote"\npurpose = "{purpose}"\nwhere = [ {{ about = "signals", channel = ["chat"] }} ]\n'
MARKETING = Scope(purpose="marketing")


@pytest.fixture(params=["sqlite", "postgresql"])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = DeskSettings().url
    if request.param == "postgresql":
        databases: Callable[[], str] = request.getfixturevalue("databases")
        url = databases()
    settings = Settings(space=SpaceSettings(name="shop"), desk=DeskSettings(url=url))
    with Space.open(tmp_path / "shop", settings=settings, clock=SetClock(NOW)) as space:
        furnish(space)
        yield space


def furnish(space: Space) -> None:
    """Let two people write, click and be dealt with, for service and for marketing."""
    folder = space.ground.folder
    (folder / "purposes.toml").write_text('[analytics]\nsources = ["web"]\n')
    (folder / "segments").mkdir()
    for name, purpose in (("sold-to", "marketing"), ("served", "service")):
        (folder / "segments" / f"{name}.toml").write_text(SEGMENT.format(name=name, purpose=purpose))
    rows: dict[str, list[dict[str, Any]]] = {"desk": [], "web": []}
    for who in (ADA, BO):
        first = who[:3].strip("@")
        for source, channel in (("desk", "chat"), ("web", "web")):
            for n in range(2):
                rows[source].append(
                    {
                        "id": f"{source}{first}{n}",
                        "channel": channel,
                        "text": f"canary{source}{first}{n}",
                        "identifiers": {"email": who},
                        "occurred_at": (NOW - timedelta(days=10 * n, hours=1)).isoformat(),
                        "personal": {"name": f"{first.title()} Long"},
                    }
                )
    for source, some in rows.items():
        space.hear(some, source=source)
        space.hear([{"kind": "no such kind", "note": f"refused of {ADA}"}], source=source)
    space.digest(look=False)
    for who in (ADA, BO):
        space.note_consent(who, "marketing", "given", why="ticked at checkout")
    space.count_segments()
    space.add_destination("crm", "https://hooks.example.com/x")
    for who in (ADA, BO):
        deal(space, who)


def deal(space: Space, who: str) -> None:
    """Plan, send and ask, for one and the other purpose."""
    ground, customer = space.ground, space.customer(who).id
    with ground.desk.session() as session:
        for purpose in ("marketing", "service"):
            for state in ("proposed", "sent"):
                name = f"{purpose}-{state}-{customer}"
                move = Move(
                    id=name, decision=f"d{name}"[:64], playbook="p", customer=customer, action="message"
                )
                move.purpose, move.state, move.at, move.due_at = purpose, state, NOW, NOW
                session.add(move)
                ground.outbox.put(
                    "message.approved", {"title": "x"}, ["crm"], purpose=purpose, person=customer,  # type: ignore[arg-type]
                    event_id=f"msg_{name}", at=NOW, session=session,
                )  # fmt: skip
        session.flush()
        for row in session.scalars(select(Delivery).where(Delivery.event_id.contains("-sent-"))):
            row.state, row.sent_at = "sent", NOW
        [digest] = ground.graph.digests_of(customer)
        row = Invitation(
            id=f"i{who[:2]}", survey="nps", version="1", digest=digest, asked_by="x", state="invited"
        )
        row.made_at, row.expires_at = NOW, NOW + timedelta(days=9)
        session.add(row)


def held(space: Space, who: str) -> dict[str, Any]:
    """Walk every store for what is there of somebody, purpose by purpose."""
    ground, customer = space.ground, space.customer(who).id
    with ground.desk.reading() as session:
        moves = session.scalars(select(Move).where(Move.customer == customer))
        deliveries = session.scalars(select(Delivery).where(Delivery.person == customer))
        stays = session.scalars(select(SegmentStay.segment).where(SegmentStay.customer == customer))
        invitations = session.scalars(select(Invitation.id).where(Invitation.id == f"i{who[:2]}"))
        found = {
            "moves": sorted(f"{m.purpose} {m.state}" for m in moves),
            "deliveries": sorted(f"{d.purpose} {d.state}" for d in deliveries),
            "stays": sorted(stays),
            "invitations": list(invitations),
        }
    return found | {
        "texts": sorted(t for t in space.customer(who).timeline()["text"].to_pylist() if t),
        "words": len(space.consent(who)["history"]),
    }


def test_what_is_held_for_marketing_alone_goes_and_all_else_stays(space: Space) -> None:
    before, other = held(space, ADA), held(space, BO)
    assert before["stays"] == ["served", "sold-to"] and len(before["moves"]) == len(before["deliveries"]) == 4
    would = space.rehearse_erasure(ADA, MARKETING)
    assert (would["moves"], would["segment_stays"], would["deliveries"]) == (2, 1, 1)
    assert held(space, ADA) == before
    receipt = space.erase(ADA, scope=MARKETING, why="asked by mail")
    assert {k: v for k, v in receipt.removed.items() if v} == {k: v for k, v in would.items() if v}
    assert receipt.scope is not None and receipt.scope.said() == "held for marketing alone"
    assert receipt.keys_destroyed == 0 and verify_receipt(receipt.json(), space.ground.audit.signer.public)
    after = held(space, ADA)
    assert after == before | {
        "moves": ["service proposed", "service sent"],
        "deliveries": ["service sent", "service waiting"],
        "stays": ["served"],
    }
    assert held(space, BO) == other
    with space.ground.desk.reading() as session:
        gone = list(session.scalars(select(Move).where(Move.customer.is_(None))))
        assert sorted(m.state for m in gone) == ["sent", "suppressed"]  # what was planned does not happen
        [notice] = session.scalars(select(Delivery).where(Delivery.event_type == ERASED))
        assert notice.destination == "crm"
        waiting = session.scalars(select(Delivery.purpose).where(Delivery.state == "waiting", Delivery.event_type != ERASED))  # fmt: skip
        assert sorted(waiting) == ["marketing", "service", "service"]
    assert "erase.part" in [e.action for e in space.ground.audit.entries()]
    assert not any(
        space.rehearse_erasure(ADA, MARKETING)[of] for of in ("moves", "segment_stays", "deliveries")
    )


def test_sources_that_are_kept_for_analytics_alone_are_emptied(space: Space) -> None:
    before, folder = held(space, ADA), space.ground.folder
    since = NOW - timedelta(days=5)
    assert space.rehearse_erasure(ADA, Scope(purpose="analytics", since=since))["signals"] == 1
    assert space.rehearse_erasure(ADA, Scope("chat", purpose="analytics"))["signals"] == 0
    receipt = space.erase(ADA, scope=Scope(purpose="analytics"))
    assert receipt.removed["signals"] == 2 and receipt.scope is not None and receipt.scope.sources == ("web",)
    assert held(space, ADA) == before | {"texts": ["canarydeskada0", "canarydeskada1"]}
    if space.ground.desk.shared:
        space.ground.store.vacuum("signals", hours=0)  # files that others may read go an hour later
    for n in range(2):
        assert not holders(folder, f"canarywebada{n}".encode())
        assert holders(folder, f"canarydeskada{n}".encode()) and holders(folder, f"canarywebbo{n}".encode())
    with space.ground.desk.reading() as session:
        refused = {row.source: row.reason for row in session.scalars(select(RefusedRow))}
    assert "erased" in refused["web"] and "erased" not in refused["desk"]
    figures = "SELECT count(*) AS n, count(*) FILTER (source = 'web') AS web FROM signals"
    assert space.sql(figures).to_pylist() == [{"n": 8, "web": 4}]


def test_invitations_go_with_research_and_nothing_with_product(space: Space) -> None:
    before = held(space, ADA)
    assert not any(space.erase(ADA, scope=Scope(purpose="product")).removed.values())
    assert held(space, ADA) == before
    assert space.erase(ADA, scope=Scope(purpose="research")).removed["invitations"] == 1
    assert held(space, ADA) == before | {"invitations": []} and held(space, BO)["invitations"] == ["ibo"]


def test_a_hold_stops_it_and_what_is_owed_is_no_purpose_to_erase(space: Space) -> None:
    space.hold(ADA, why="claim 12")
    before = held(space, ADA)
    for act in (space.rehearse_erasure, lambda who, scope: space.erase(who, scope=scope)):
        with pytest.raises(NotAllowed, match="hold"):
            act(ADA, MARKETING)
    assert held(space, ADA) == before
    for owed in ("service", "safety", "rights"):
        with pytest.raises(Refused, match="owed"):
            Scope(purpose=owed)  # type: ignore[arg-type]


def test_a_restored_backup_takes_the_same_whatever_its_settings_say(space: Space, tmp_path: Path) -> None:
    (space.ground.folder / "purposes.toml").rename(tmp_path / "purposes.toml")
    backup(space.ground, tmp_path / "old.backup")
    (tmp_path / "purposes.toml").rename(space.ground.folder / "purposes.toml")
    space.erase(ADA, scope=Scope(purpose="analytics"))
    acts = read_acts(space.ground.folder / "erasures.jsonl").acts
    key = space.ground.folder / "space.key"
    assert restore(tmp_path / "old.backup", tmp_path / "again", key, [acts]).erased_again == 1
    with Space.open(tmp_path / "again", clock=SetClock(NOW), create=False) as again:
        assert held(again, ADA)["texts"] == ["canarydeskada0", "canarydeskada1"]


def test_a_source_is_kept_for_one_purpose_and_the_register_tells_it(space: Space) -> None:
    told = {row["purpose"]: row["sources"] for row in register(space.ground)["purposes"]}
    assert told["analytics"] == ["web"] and told["marketing"] == []
    both = '[analytics]\nsources = ["web"]\n[product]\nsources = ["web"]\n'
    with pytest.raises(Refused, match="one purpose alone"):
        read_purposes(both)
