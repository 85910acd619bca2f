"""Everything a space holds of one person, for that person: gathered, written as JSON and as a page, signed and sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import or_, select

from allears.desk.asking import Invitation
from allears.desk.identity import Identifier
from allears.desk.listening import Source
from allears.desk.work import Case, Destination, Move
from allears.errors import Refused
from allears.guard.access import Principal
from allears.guard.look import look
from allears.guard.parcel import pack, seal_for
from allears.journey import belonging, requests, rules
from allears.journey.ground import Ground
from allears.know.profile import Profiles
from allears.show.dossier import write_dossier

ACTION = "access.export"


class Handed(msgspec.Struct, frozen=True):
    """What was made: the file, how many signals are in it, the passphrase (shown once), and the key that checks it."""

    file: str
    signals: int
    key: str
    passphrase: str | None = None


class Made(msgspec.Struct, frozen=True):
    """An export before it is written anywhere."""

    content: bytes
    signals: int
    passphrase: str | None


def make(ground: Ground, principal: Principal, request: str, *, recipient: str | None = None) -> Made:
    """Put everything held of the asker into a sealed file. The request stays open until somebody says it was sent.

    Raises
    ------
    NotAllowed
        The role may not open originals, or nobody checked who asks.
    Refused
        ``recipient`` is no public key, or the request asks for something else.
    """
    customer = requests.asker_of(ground, request, "access")
    told = gather(ground, principal, customer, why=f"access request {request}")
    body = msgspec.json.format(msgspec.json.encode(told), indent=2)
    files = {"your-data.json": body, "your-data.html": write_dossier(told).encode()}
    sealed, passphrase = seal_for(pack(files, ground.audit.signer, ground.clock.now()), recipient)
    n = len(told["signals"])
    ground.audit.record(principal.name, ACTION, customer, detail={"request": request, "signals": n})
    return Made(sealed, n, passphrase)


def hand_over(
    ground: Ground, principal: Principal, request: str, out: Path, *, recipient: str | None = None
) -> Handed:
    """Do the same into a new file.

    Raises
    ------
    Refused
        There is a file already.
    """
    if out.exists():
        raise Refused("there is a file already", place="--out")
    made = make(ground, principal, request, recipient=recipient)
    try:
        with out.open("xb") as file:
            file.write(made.content)
    except FileExistsError:
        raise Refused("there is a file already", place="--out") from None
    return Handed(str(out), made.signals, ground.audit.signer.public, made.passphrase)


def gather(ground: Ground, principal: Principal, customer: str, *, why: str) -> dict[str, Any]:
    """Gather what is held of a customer, originals opened; each look is in the audit."""
    with ground.desk.reading() as session:
        mine = session.execute(
            select(Identifier.type, Identifier.digest, Identifier.first_seen_at, Identifier.relationship)
            # What many people use tells nothing of one of them.
            .where(Identifier.customer == customer, Identifier.shared.is_(False))
        ).all()
    digests = [row.digest for row in mine]
    return {
        "form": "allears access export 1",
        "company": ground.settings.space.name,
        "made_at": ground.clock.now(),
        "customer": customer,
        "about": _about(ground),
        "identifiers": [{"type": row.type, "since": row.first_seen_at} for row in mine],
        "belongs_to": belonging.in_full(ground, digests),
        "profile": Profiles(ground.desk, ground.vault.seal, ground.vault.open).of(customer),
        "signals": _signals(ground, principal, customer, digests, why),
        **_work(ground, customer, digests),
    }


def _about(ground: Ground) -> dict[str, Any]:
    with ground.desk.reading() as session:
        sources = list(session.scalars(select(Source.name).order_by(Source.name)))
        recipients = list(session.scalars(select(Destination.name).order_by(Destination.name)))
    periods = [msgspec.to_builtins(keep) for keep in rules.retention(ground).keep]
    return {"sources": sources, "recipients": recipients, "kept_for": periods}


def _signals(
    ground: Ground, principal: Principal, customer: str, digests: list[str], why: str
) -> list[dict[str, Any]]:
    # By the person's own identifiers: what was written while they were taken for somebody else is theirs, and what the
    # other one wrote then is not, whichever key it lies under.
    rows = ground.engine.near.query(
        """SELECT signal_id, occurred_at, received_at, kind, channel, source, name, direction, account, thread, text, language,
                  sentiment, topics, rating, rating_scale, reach, service, ok, duration_ms, release, platform, region, partner,
                  properties, customer_key, sealed FROM signals
           WHERE list_has_any(list_transform(identifiers, lambda i: i.digest), $digests)
              OR (list_contains($keys, customer_key) AND coalesce(len(identifiers), 0) = 0)
           ORDER BY occurred_at, signal_id""",
        digests=digests,
        keys=ground.graph.keys_of(customer),
    ).to_pylist()
    sealed = [row for row in rows if row["sealed"] is not None]
    opened = (
        look(
            ground.desk,
            ground.vault,
            ground.audit,
            principal,
            why=why,
            subjects=[row["customer_key"] for row in sealed],
            sealed=[row["sealed"] for row in sealed],
            field="signals.sealed",
            places=[row["signal_id"] for row in sealed],
        )
        if sealed
        else []
    )
    for row, plain in zip(sealed, opened, strict=True):
        if plain is not None:
            row["original"] = msgspec.json.decode(plain)
    for row in rows:
        row.pop("sealed"), row.pop("customer_key")
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _work(ground: Ground, customer: str, digests: list[str]) -> dict[str, Any]:
    keys = ground.graph.keys_of(customer)
    asked = or_(Invitation.digest.in_(digests), Invitation.person.in_(digests))
    with ground.desk.reading() as session:
        cases = session.execute(
            select(Case.title, Case.department, Case.state, Case.opened_at, Case.closed_at).where(
                Case.customer.in_(keys)
            )
        ).all()
        moves = session.execute(
            select(Move.playbook, Move.action, Move.state, Move.due_at, Move.why).where(
                Move.customer.in_(keys)
            )
        ).all()
        invitations = session.execute(
            select(Invitation.survey, Invitation.state, Invitation.made_at, Invitation.answered_at).where(
                asked
            )
        ).all()
    named = {"cases": cases, "decisions": moves, "invitations": invitations}
    return {name: [dict(row._mapping) for row in rows] for name, rows in named.items()}
