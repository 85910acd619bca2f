"""What was wrong about a person is gone and stays gone, what is right stays, and who was told hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from allears.act.recipients import CORRECTED
from allears.desk.audit import AuditEntry
from allears.desk.work import Delivery
from allears.errors import NotAllowed, NotFound, Refused
from allears.journey.objecting import object_asker
from allears.journey.rectifying import rectify, rectify_asker
from allears.know.profile import Profiles
from allears.space import Space

WHY = "called back on the number we know"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "s") as made:
        _tell(made, "w1", {"name": "Ada Lovelace", "address": "1 High Street"})
        yield made


def _tell(space: Space, signal: str, personal: dict[str, str], text: str = "Hello", **who: str) -> None:
    row = {"signal_id": signal, "text": text, "channel": "email", "personal": personal}
    space.hear([row | {"identifiers": {"email": "ada@example.com"} | who}], source="crm")
    space.digest(look=False)


def _known(space: Space, who: str = "ada@example.com") -> dict[str, list[str]]:
    ground = space.ground
    return Profiles(ground.desk, ground.vault.seal, ground.vault.open).of(space.customer(who).id)


def _fix(space: Space, kind: str, who: str = "ada@example.com", **what: str) -> dict[str, Any]:
    return rectify(space.ground, who, kind, why=WHY, actor="officer", **what)


def test_a_wrong_value_goes_in_any_spelling_and_its_source_does_not_bring_it_back(space: Space) -> None:
    made = _fix(space, "name", wrong="ada  LOVELACE", right="Ada King")
    assert (made["struck"], made["put"], made["parted"]) == (1, True, None)
    assert _known(space)["name"] == ["Ada King"]
    # The digest that runs in this process remembered the old profile; the wrong source tells it again.
    _tell(space, "w2", {"name": "Ada Lovelace", "address": "2 Low Street"})
    assert _known(space) == {
        "name": ["Ada King"], "address": ["1 High Street", "2 Low Street"], "email": ["ada@example.com"],
    }  # fmt: skip


def test_a_number_that_was_struck_out_does_not_come_back_in_another_form(space: Space) -> None:
    who = {"personal": {"phone": "+44 20 7946 0958"}, "identifiers": {"user_id": "u9"}}
    row = {"text": "Hello", "channel": "email"}
    space.hear([row | who | {"signal_id": "p1"}], source="crm")
    space.digest(look=False)
    assert _known(space, "u9")["phone"] == ["+44 20 7946 0958"]
    _fix(space, "phone", who="u9", wrong="+442079460958")
    for n, form in enumerate(("+44 (0)20 7946 0958", "+44.20.79460958", "+44-20-7946-0958")):
        told = who | {"personal": {"phone": form}, "signal_id": f"q{n}"}
        space.hear([row | told], source="crm")
        space.digest(look=False)
        assert not _known(space, "u9").get("phone"), form
    space.hear([row | who | {"personal": {"phone": "+44 20 7946 0959"}, "signal_id": "r"}], source="crm")
    space.digest(look=False)
    assert _known(space, "u9")["phone"] == ["+44 20 7946 0959"]


def test_texts_that_still_name_what_was_struck_out_stay_hidden(space: Space) -> None:
    _fix(space, "name", wrong="Ada Lovelace", right="Ada King")
    _tell(space, "w3", {}, text="ada lovelace and ada king were here")
    text = space.customer("ada@example.com").timeline().to_pylist()[0]["text"]
    assert "lovelace" not in text.lower() and "king" not in text.lower()


def test_what_a_person_put_in_is_not_pushed_out_by_sources(space: Space) -> None:
    _fix(space, "address", right="9 Right Road")
    for n in range(20):
        _tell(space, f"a{n}", {"address": f"{n} Other Lane"})
    known = _known(space)["address"]
    assert "9 Right Road" in known and len(known) == 12


def test_a_value_that_was_struck_out_by_mistake_can_be_put_in_again(space: Space) -> None:
    _fix(space, "name", wrong="Ada Lovelace")
    assert "name" not in _known(space)
    _fix(space, "name", right="Ada Lovelace")
    assert _known(space)["name"] == ["Ada Lovelace"]


def test_a_wrong_identifier_parts_for_good_and_the_profile_stays_with_the_person(space: Space) -> None:
    # The wrong address was seen first, so the customer had its name; it is another person's.
    _tell(space, "w4", {}, phone="+44 20 7946 0958")
    _tell(space, "w5", {}, user_id="u7")
    made = _fix(space, "email", who="u7", wrong="Ada@Example.com", right="ada.king@example.com")
    mine = space.customer("u7").id
    assert made["customer"] == mine != made["parted"] == space.customer("ada@example.com").id
    assert space.customer("ada.king@example.com").id == space.customer("+44 20 7946 0958").id == mine
    assert _known(space, "u7")["name"] == ["Ada Lovelace"]
    assert _known(space, "u7")["email"] == ["ada.king@example.com"]
    assert _known(space) == {"email": ["ada@example.com"]}
    # The source that says so says it again, also of what it had not said it of.
    _tell(space, "w6", {}, user_id="u7", phone="+44 20 7946 0958")
    assert space.customer("ada@example.com").id != space.customer("u7").id
    assert "ada@example.com" not in _known(space, "u7")["email"]


def test_what_may_not_be_is_refused_and_nothing_changes(space: Space) -> None:
    before = _known(space)
    space.hear([{"text": "x", "channel": "chat", "identifiers": {"email": "bo@example.com"}}], source="crm")
    space.digest(look=False)
    refused: list[tuple[type[Exception], dict[str, str]]] = [
        (Refused, {"kind": "shoe size", "right": "43"}),
        (Refused, {"kind": "name"}),
        (Refused, {"kind": "email", "right": "no address"}),
        (Refused, {"kind": "email", "right": "bo@example.com"}),
        (Refused, {"kind": "email", "wrong": "ada@example.com"}),
        (Refused, {"kind": "user_id", "right": "u9"}),
        (NotFound, {"kind": "name", "wrong": "Bo Derek", "right": "Bo"}),
        (NotFound, {"kind": "email", "wrong": "bo@example.com", "right": "new@example.com"}),
    ]
    for error, what in refused:
        with pytest.raises(error) as no:
            _fix(space, **what)
        assert not any(value in str(no.value) for value in what.values() if "@" in value or value == "Bo")
    assert _known(space) == before
    with pytest.raises(NotFound):
        space.customer("new@example.com")


def test_recipients_are_told_the_kind_and_no_value_and_the_audit_keeps_none(space: Space) -> None:
    space.add_destination("crm", "https://hooks.example.com/x")
    customer, outbox = space.customer("ada@example.com").id, space.ground.outbox
    outbox.put("case.opened", {"id": customer}, ["crm"], at=space.ground.clock.now())
    with space.ground.desk.session() as session:
        for row in session.scalars(select(Delivery)):
            row.state = "sent"
    assert _fix(space, "name", wrong="Ada Lovelace", right="Ada King")["told"] == 1
    with space.ground.desk.reading() as session:
        row = session.scalars(select(Delivery).where(Delivery.event_type == CORRECTED)).one()
        body = outbox.body(row.event_id, row.destination, row.payload)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "rectify")).one()
    assert customer in body and "name" in body and "Lovelace" not in body and "King" not in body
    assert "Lovelace" not in str(vars(entry)) and "King" not in str(vars(entry))


def test_a_request_is_done_once_the_asker_was_checked_and_only_as_asked(space: Space) -> None:
    request = space.request("ada@example.com", "rectification")
    with pytest.raises(NotAllowed):
        rectify_asker(space.ground, request, "name", right="Ada King", actor="officer")
    space.check_asker(request, WHY)
    rectify_asker(space.ground, request, "name", wrong="Ada Lovelace", right="Ada King", actor="officer")
    assert _known(space)["name"] == ["Ada King"]
    with pytest.raises(Refused):
        object_asker(space.ground, request, ["analytics"], actor="officer")


def test_an_objection_counts_from_the_moment_it_is_carried_out(space: Space) -> None:
    request = space.request("ada@example.com", "objection")
    with pytest.raises(NotAllowed):
        object_asker(space.ground, request, ["analytics"], actor="officer")
    space.check_asker(request, WHY)
    with pytest.raises(Refused):
        object_asker(space.ground, request, ["service"], actor="officer")
    assert object_asker(space.ground, request, ["analytics", "marketing"], actor="officer") == ["analytics", "marketing"]  # fmt: skip
    customer = space.customer("ada@example.com").id
    for purpose, allowed in (("analytics", False), ("marketing", False), ("product", True)):
        assert (not space.ground.gate.held(purpose, [customer])[0]) is allowed  # type: ignore[arg-type]
    assert space.requests() == []
    word = space.consent(customer)["history"][0]
    assert word["state"] == "refused" and request in word["source"]
