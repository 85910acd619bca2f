"""Rectification carried out (article 16): what is wrong about a person is struck out for good, what is right put in, recipients told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from allears.act.recipients import Recipients, tell_corrected
from allears.errors import NotFound, Refused
from allears.guard.deeds import VALUE, Corrected
from allears.guard.erasures import Noted
from allears.journey.deeds import new_deed, note_deed
from allears.journey.ground import Ground
from allears.journey.holds import owners
from allears.journey.questions import named, publish
from allears.journey.requests import asker_of
from allears.journey.stewards import reason, require_reason
from allears.know.correct import TRAITS, correct, holds
from allears.know.identifiers import PEOPLE, normalise
from allears.know.profile import Profiles

KINDS = tuple(dict.fromkeys((*TRAITS, *PEOPLE)))
"""What can be corrected: traits of a profile, and identifiers."""
_PUT_IN = frozenset(TRAITS)


def rectify(
    ground: Ground,
    who: str,
    kind: str,
    *,
    wrong: str = "",
    right: str = "",
    why: str,
    actor: str,
    request: str = "",
) -> dict[str, Any]:
    """Strike out what is wrong, in any spelling, and put in what is right; one of the two may be empty.

    A wrong identifier parts from the customer for good. What was struck out is not learnt again from any source, what was
    put in is not pushed out. Recipients who got something about the customer are told that it changed (article 19).

    Returns
    -------
    dict
        ``customer`` of today, ``kind``, ``struck`` (stored values that went), ``put``, ``parted`` (whose the wrong
        identifier is now, else null), ``told`` (recipients).

    Raises
    ------
    NotFound
        Nobody is known by that, or nothing of that kind is known of them.
    Refused
        There is no such kind, no reason; the right identifier is somebody else's, or the wrong one is the only one.
    """
    require_reason(why)
    wrong, right = wrong.strip(), right.strip()
    _sound(kind, wrong, right)
    customer = named(ground, who)[0]
    why = reason(ground, why, [customer], also=[(kind, right)])
    if wrong:
        _require_known(ground, customer, kind, wrong)
    if kind in PEOPLE and right:
        _introduce(ground, customer, kind, right)
    customer, parted = _part(ground, customer, kind, wrong, why, actor) if wrong else (customer, None)
    made = new_deed()
    deed = Corrected(
        customer,
        ground.graph.digests_of(customer),
        kind,
        _sealed(ground, customer, made, wrong, right),
        why,
        request,
    )
    found = _recipients(ground, customer)
    told = 0

    def note(session: Session, struck: int) -> None:
        nonlocal told
        done: dict[str, str | int] = {
            "kind": kind,
            "struck": struck,
            "put": int(bool(right)),
            "request": request,
        }
        [entry] = ground.audit.write(session, actor, "rectify", [customer], why, dict(done))
        told = tell_corrected(session, ground.outbox, found, customer, kind, ground.clock.now())
        note_deed(ground, session, deed, actor, id=made, entry=entry.number)

    struck = _correct(ground, customer, kind, wrong, right, parted, note)
    publish(ground)
    return {"customer": customer, "kind": kind, "struck": struck, "put": bool(right), "parted": parted, "told": told}  # fmt: skip


def correct_again(ground: Ground, noted: Noted, deed: Corrected) -> None:
    """Do a correction once more, to whoever the person is taken for now; twice is as once.

    Raises
    ------
    NotFound
        Nobody is known by any identifier the person had; the value cannot be opened, because its key came after the
        backup; or the wrong identifier is not known yet, so that nothing keeps it away.
    Refused
        The right identifier is somebody else's by now, or the wrong one the only one.
    """
    whose = owners(ground, deed.digests)
    if not whose:
        raise NotFound("the backup knows nobody by any identifier the person had")
    wrong, right = _value(ground, noted.id, deed)
    # Of several who were joined after the backup, the one whose name they bore gets what is right.
    main = deed.customer if deed.customer in whose else whose[0]
    known = deed.kind not in PEOPLE or not wrong
    for customer in whose:
        put = right if customer == main else ""
        if put and deed.kind in PEOPLE:
            _introduce(ground, customer, deed.kind, put)
        left, parted = (
            _part(ground, customer, deed.kind, wrong, deed.why, noted.actor) if wrong else (customer, None)
        )
        known = known or parted is not None
        if wrong or put:
            _correct(ground, left, deed.kind, wrong, put, parted, lambda session, struck: None)
    if not known:
        raise NotFound("the wrong identifier is not known here: correct it once a source tells it again")


def rectify_asker(
    ground: Ground, request: str, kind: str, *, wrong: str = "", right: str = "", why: str = "", actor: str
) -> dict[str, Any]:
    """Do what a checked request for rectification asks; it stays open until somebody says what became of it.

    Raises
    ------
    NotAllowed
        Nobody checked who asks.
    Refused
        It asks for something else.
    """
    customer = asker_of(ground, request, "rectification")
    return rectify(ground, customer, kind, wrong=wrong, right=right, why=why or f"request {request}", actor=actor, request=request)  # fmt: skip


def _sound(kind: str, wrong: str, right: str) -> None:
    if kind not in KINDS:
        raise Refused(f"no such kind; there are {', '.join(KINDS)}", place="kind")
    if not (wrong or right):
        raise Refused("expected what is wrong, what is right, or both", place="wrong")
    if right and kind not in _PUT_IN:
        raise Refused(f"{kind} can be taken away only, since no person knows it by heart", place="right")


def _require_known(ground: Ground, customer: str, kind: str, wrong: str) -> None:
    digest = ground.graph.digest_of(kind, wrong) if kind in PEOPLE else None
    if digest is not None and digest in ground.graph.digests_of(customer):
        return
    known = Profiles(ground.desk, ground.vault.seal, ground.vault.open).of(customer)
    if not holds(known, kind, wrong, ground.settings.space.region):
        raise NotFound(f"no such {kind} is known of this customer", place="wrong")


def _introduce(ground: Ground, customer: str, kind: str, right: str) -> None:
    if normalise(kind, right, ground.settings.space.region) is None:
        raise Refused(f"expected a usable {kind}", place="right")
    whose = ground.graph.customer_of(kind, right)
    if whose == customer:
        return
    if whose is not None:
        raise Refused("that is another customer's: merge the two, if they are one person", place="right")
    ground.graph.introduce([customer], kind, [right], "rectification")


def _part(
    ground: Ground, customer: str, kind: str, wrong: str, why: str, actor: str
) -> tuple[str, str | None]:
    """Take a wrong identifier away; returns the customer that is left, and who the identifier is now, if it was one of theirs."""
    digest = ground.graph.digest_of(kind, wrong) if kind in PEOPLE else None
    mine = ground.graph.digests_of(customer)
    if digest is None or digest not in mine:
        return customer, None
    ground.graph.disown(customer, digest, why, actor)
    left = owners(ground, [d for d in mine if d != digest])
    return left[0], owners(ground, [digest])[0]


def _recipients(ground: Ground, customer: str) -> Recipients:
    keys: Mapping[str, str] = dict.fromkeys([customer, *ground.graph.keys_of(customer)], customer)
    digests = dict.fromkeys(ground.graph.digests_of(customer), customer)
    with ground.desk.reading() as session:
        return Recipients(session, ground.outbox, keys, digests)


def _correct(
    ground: Ground,
    customer: str,
    kind: str,
    wrong: str,
    right: str,
    parted: str | None,
    note: Callable[[Session, int], None],
) -> int:
    """Change the profile, if it holds such a thing; returns how many stored values went."""
    if kind in TRAITS:
        return correct(
            ground.desk, ground.vault.seal, ground.vault.open, customer, kind, wrong=wrong, right=right,
            region=ground.settings.space.region, at=ground.clock.now(), note=note, parted=parted,
        )  # fmt: skip
    with ground.desk.session() as session:
        note(session, 0)
    return 0


def _sealed(ground: Ground, customer: str, deed: str, wrong: str, right: str) -> bytes:
    [sealed] = ground.vault.seal([customer], [msgspec.json.encode((wrong, right))], VALUE, [deed])
    return sealed or b""


def _value(ground: Ground, deed: str, corrected: Corrected) -> tuple[str, str]:
    try:
        [plain] = ground.vault.open([corrected.customer], [corrected.value], VALUE, [deed])
    except Refused:  # the key is younger than the backup, and another has taken its place
        plain = None
    if plain is None:
        raise NotFound("the corrected value cannot be opened: its key is not in the backup")
    return msgspec.json.decode(plain, type=tuple[str, str])
