"""How far each list of acts by right went, as the desk knows it: so that a list whose end was cut off is noticed, here and from a backup."""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.desk.audit import AuditEntry
from allears.desk.listening import Mark
from allears.guard.chain import reaches
from allears.guard.erasures import Link, read_acts
from allears.journey.ground import Ground

CUT = "acts.cut"
_MARK = "acts:"


def acts_path(ground: Ground) -> Path:
    """Say where the list is."""
    return ground.folder / ground.settings.guard.erasures_file


def chain_key(ground: Ground) -> bytes:
    """Give the key that lines of the list are chained under; it stays when the space's key is replaced."""
    return ground.vault.sub_key("acts/chain")


def know_end(session: Session, end: Link) -> None:
    """Remember inside the transaction how far a list went; who comes late with an earlier line changes nothing."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # The number has leading zeros: a larger text is a later line.
    made = dialect.insert(Mark).values(name=_MARK + end.list, value=f"{end.number:012d} {end.seal.hex()}")
    later = case((made.excluded.value > Mark.value, made.excluded.value), else_=Mark.value)
    session.execute(made.on_conflict_do_update(index_elements=[Mark.name], set_={"value": later}))


def know_written(ground: Ground, session: Session, end: Link, lines: int) -> None:
    """Remember inside the transaction that lines were written up to this one; tell it where the list ended before what was known."""
    row = session.get(Mark, _MARK + end.list)
    known, before = (_read(row) if row is not None else None), end.number - lines
    # Another process may have written later lines and be done already.
    late = known is not None and known.number > before
    if known is not None and late and not reaches(read_acts(acts_path(ground)).acts, known):
        tell_cut(ground, session, known, end, found=before)
    else:
        know_end(session, end)


def known_ends(ground: Ground) -> list[Link]:
    """List how far each list went that this desk knows of."""
    query = select(Mark).where(Mark.name.startswith(_MARK, autoescape=True)).order_by(Mark.name)
    with ground.desk.reading() as session:
        return [_read(row) for row in session.scalars(query)]


def forget_end(session: Session, name: str) -> None:
    """Know nothing of a list any more, inside the transaction."""
    session.execute(delete(Mark).where(Mark.name == _MARK + name))


def tell_cut(ground: Ground, session: Session, known: Link, end: Link | None, *, found: int) -> None:
    """Write down that the end of a list is missing, inside the transaction; from then on the desk knows it as it is.

    Parameters
    ----------
    end
        Where it ends now.
    found
        How many of its lines were there.
    """
    forget_end(session, known.list)
    if end is not None:
        know_end(session, end)
    why = "the list of acts by right does not hold what this desk noted on it"
    detail: dict[str, str | int] = {"known": known.number, "found": found}
    ground.audit.write(session, "allears", CUT, [known.list], why, detail)


def cuts(ground: Ground, limit: int) -> list[dict[str, object]]:
    """List when the end of a list was found missing, newest first: up to which line it was known, and to which it went."""
    query = select(AuditEntry).where(AuditEntry.action == CUT).order_by(AuditEntry.number.desc()).limit(limit)
    with ground.desk.reading() as session:
        rows = list(session.scalars(query))
    return [{"noticed": row.at, "entry": row.number} | msgspec.json.decode(row.detail) for row in rows]


def _read(row: Mark) -> Link:
    number, seal = row.value.split()
    return Link(row.name.removeprefix(_MARK), int(number), bytes.fromhex(seal))
