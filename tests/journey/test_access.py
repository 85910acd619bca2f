"""Requests by right: their clock, whose they are after merging and parting, and that the export holds all of one person and nothing of another."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from allears.clock import SetClock
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.parcel import sound_parcel
from allears.space import Space

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ADA, BO = "ada@example.com", "bo@example.com"
ATTACK = "<script>hurt()</script> call me on 020 7946 0958"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        say(opened, ADA, ATTACK)
        say(opened, BO, "bo was here")
        yield opened


def say(space: Space, who: str, text: str) -> None:
    row = {
        "text": text,
        "identifiers": {"email": who},
        "rating": 1,
        "rating_scale": "stars-1-5",
        "channel": "email",
    }
    space.hear([row | {"signal_id": text[:30]}], source="mail")
    space.digest(look=False)


def asked(space: Space, who: str, kind: str = "access") -> str:
    request = space.request(who, kind)
    space.check_asker(request, "called back on the number we know")
    return request


def opened(space: Space, request: str, out: Path) -> dict[str, Any]:
    # For a key: to try whether a passphrase opens it takes a second, and is tests/guard/test_parcel.py's.
    asker = pyrage.x25519.Identity.generate()
    made = space.access(request, out, recipient=str(asker.to_public()))
    parcel = pyrage.decrypt(out.read_bytes(), [asker])
    assert sound_parcel(parcel, made.key)
    with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
        page = archive.read("your-data.html").decode()
        told: dict[str, Any] = json.loads(archive.read("your-data.json"))
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert len(told["signals"]) == made.signals == page.count('class="issue"')
    return told


def words(told: dict[str, Any]) -> list[str]:
    return sorted(row["original"]["text"] for row in told["signals"])


def test_the_export_holds_the_originals_the_profile_and_nothing_of_another(
    space: Space, tmp_path: Path
) -> None:
    told = opened(space, asked(space, ADA), tmp_path / "ada.age")
    assert words(told) == [ATTACK] and told["profile"]["email"] == [ADA]
    assert BO not in json.dumps(told) and told["signals"][0]["rating"] == 0
    assert not any(
        ADA.encode() in f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()
    )  # sealed, and nowhere else


def test_after_a_merge_it_is_the_whole_person_and_after_parting_not_the_other(
    space: Space, tmp_path: Path
) -> None:
    request = asked(space, ADA)
    act = space.merge(ADA, BO, why="one mailbox")
    say(space, BO, "bo wrote while they were one")
    say(space, ADA, "ada wrote while they were one")
    assert len(words(opened(space, request, tmp_path / "1.age"))) == 4
    space.unmerge(act["act"])
    assert words(opened(space, request, tmp_path / "2.age")) == [ATTACK, "ada wrote while they were one"]
    assert words(opened(space, asked(space, BO), tmp_path / "3.age")) == [
        "bo was here",
        "bo wrote while they were one",
    ]


def test_noted_by_a_customer_that_was_two_it_is_not_answered_with_both(space: Space, tmp_path: Path) -> None:
    act = space.merge(ADA, BO, why="one mailbox")
    request = asked(space, space.customer(ADA).id)
    space.unmerge(act["act"])
    with pytest.raises(Refused, match="parted"):
        space.access(request, tmp_path / "x.age")


def test_nothing_is_handed_over_before_somebody_checked_who_asks(space: Space, tmp_path: Path) -> None:
    request = space.request(ADA, "access")
    with pytest.raises(NotAllowed, match="checked"):
        space.access(request, tmp_path / "x.age")
    space.check_asker(request, "passport")
    with pytest.raises(NotAllowed):
        space.access(request, tmp_path / "x.age", principal=Principal("user:ana", Role.ANALYST))
    assert not (tmp_path / "x.age").exists()
    space.access(request, tmp_path / "x.age")
    with pytest.raises(Refused, match="already"):
        space.access(request, tmp_path / "x.age")
    acts = [entry.action for entry in space.ground.audit.entries(20)]
    assert {"request", "request.check", "access.export", "open_sealed", "open_sealed_denied"} <= set(acts)


def test_the_clock_runs_a_month_from_receipt_and_can_be_put_off_once(space: Space) -> None:
    early = space.request(
        ADA, "objection", received_at=NOW - timedelta(days=20), note="no marketing to ada@example.com"
    )
    late = space.request(BO, "rectification")
    found = space.requests()
    assert [r["request"] for r in found] == [early, late]
    assert [str(r["due_at"].date()) for r in found] == ["2026-02-11", "2026-02-28"]
    assert [r["days_left"] for r in found] == [11, 28] and "<EMAIL_1>" in found[0]["note"]
    space.extend_request(late, why="many sources")
    assert str(space.requests()[1]["due_at"].date()) == "2026-04-30"
    for request, message in ((late, "once"), ("r0", "no open request")):
        with pytest.raises((Refused, NotFound), match=message):
            space.extend_request(request, why="again")
    clock = space.ground.clock
    assert isinstance(clock, SetClock)
    clock.advance(timedelta(days=12))
    assert space.requests()[0]["days_left"] < 0
    with pytest.raises(Refused):
        space.extend_request(early, why="too late")
    space.close_request(early, "no longer written to")
    assert [r["request"] for r in space.requests()] == [late] and len(space.requests(closed=True)) == 2


def test_erasing_closes_the_request_for_it_and_takes_the_person_off_all(space: Space) -> None:
    access, erasure = space.request(ADA, "access"), space.request(ADA, "erasure")
    space.request(BO, "access")
    receipt = space.erase(ADA)
    assert receipt.removed["rights_requests"] == 2
    found = {r["request"]: r for r in space.requests(closed=True)}
    assert (found[erasure]["state"], found[erasure]["outcome"], found[erasure]["customers"]) == (
        "done",
        "erased",
        [],
    )
    assert (found[access]["state"], found[access]["customers"]) == ("open", [])


def test_what_makes_no_request_is_refused(space: Space) -> None:
    for given in (
        lambda: space.request("nobody@example.com", "access"),
        lambda: space.request(ADA, "money"),
        lambda: space.request(ADA, "access", received_at=NOW + timedelta(days=1)),
        lambda: space.check_asker(space.request(ADA, "access"), " "),
        lambda: space.close_request("r0", "done"),
    ):
        with pytest.raises((Refused, NotFound)):
            given()
